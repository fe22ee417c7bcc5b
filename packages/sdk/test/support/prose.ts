/**
 * Texts of people, their models and their programs, none of it a secret: sentences in three languages, with the words
 * that stand beside secrets too, and the long and odd things that occur in text.
 */
import * as FC from "effect/FastCheck"

const lines = (text: string): ReadonlyArray<string> =>
  text.split("\n").map((line) => line.trim()).filter((line) => line !== "")

export const english: ReadonlyArray<string> = lines(`
  You have a basic understanding.
  You have a basic understanding of fractions, but decimals need work.
  This covers the basic grammar of the past perfect.
  Basic instructions for everybody are on page three.
  Basic Oils and Fats, a short history
  BASIC TRAINING starts on Monday at eight.
  Basic authentication is simple, and simply unsafe without TLS.
  A basic income experiment ended in disagreement.
  Basic auth sends user and password with every request.
  The basic idea: count the tokens, then stop.
  She wrote her first program in BASIC when she was seven.
  Basic arithmetic errors cost the mission four days.
  Basic human decency requires no password.
  He is the bearer of good news.
  Bearer certificates were abolished in most countries.
  Bearer tokens expire after an hour; refresh them in time.
  The bearer of this letter may pass.
  Bearer authentication-related failures are logged.
  The standard-bearer fell, and another picked up the flag.
  A ring bearer, two bridesmaids and a very nervous groom
  Bearer bonds2024 was the name of the spreadsheet.
  Send it as a bearer token in the authorization header.
  Pallbearers walked slowly past the closed bakery.
  The talebearer separates close friends.
  Please choose a password with at least twelve characters.
  Your password has expired. Choose another one.
  Password: at least eight characters, one of them a digit.
  Password reset instructions were sent to your address.
  The password field must not be empty.
  Never write your password on a note under the keyboard.
  I forgot my password again, the third time this week.
  "Open sesame" is a weak password but a strong story.
  The password is case-sensitive: mind the caps lock.
  passwords should be hashed with a slow function
  A passphrase of four random words is easier to remember.
  The secret of a good soup is time.
  The secret to happiness is low expectations, he said.
  Keep it secret, keep it safe.
  Secret santa takes place on the last Friday before Christmas.
  It was an open secret that nobody read the minutes.
  Top secret: the cake has no raisins.
  Victoria told me the secret, and I told everybody.
  client secret rotation is documented in chapter nine
  The key to the garden is under the blue pot.
  Key: C major, tempo: allegro, mood: hopeful.
  A key result of the study is that sleep helps.
  The answer key is at the back of the book.
  The key points: plan early, test often, write less.
  Turn the key clockwise until you hear a click.
  API key management is described in the next section.
  Set the api_key option before you call the client.
  The private key never leaves the device.
  Primary key: id; foreign key: customer_id.
  Press any key to continue, or Escape to leave.
  Monkey: a primate. Donkey: not a primate. Turkey: a bird.
  The token was too long for the context window.
  A token of appreciation, nothing more.
  Token: a unit of text, often a part of a word.
  max_tokens: 4096, temperature: 0.2, top_p: 1
  The prompt used 1,204 tokens and the completion 388 tokens.
  Every token counts when you pay for tokens.
  "token" is what the parser calls a word.
  Tokens are separated by white space; comments are dropped.
  The subway took tokens until two thousand and three.
  Use the token bucket algorithm to limit the rate.
  Authorization: you need a signed form from both parents.
  Authorization is not authentication, whatever the manual says.
  Without authorization nobody enters the reading room.
  Cookies: two cups of flour, one cup of butter, chocolate.
  This site uses cookies to remember what you like.
  The cookie jar was empty before noon.
  The credentials of the witness were questioned.
  Her credentials are impressive: two degrees and a patent.
  The student's essay has a clear structure and few mistakes.
  Score: 7. Feedback: watch the commas before "which".
  The cat sat on the mat, and the dog looked on.
  In 1815 the harvest failed; in 1816 there was no summer.
  Chapter 12: The Treaty of Westphalia (1648)
  It's raining; nevertheless, we'll walk.
  "Where," she asked, "did you put the keys?"
  Dear Mr. Hollingsworth-Featherstonehaugh, thank you for your letter.
  Antidisestablishmentarianism and floccinaucinihilipilification are long.
  Pneumonoultramicroscopicsilicovolcanoconiosis is a lung disease.
  Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch has a station.
  The flight leaves at 06:45 from gate B12, seat 23A.
  Order A17 shipped on Monday; tracking number 1Z 999 AA1 01 2345 6784.
  Call +44 20 7946 0958 between 9am and 5pm.
  Room 101, second floor, past the vending machine
  ISBN 978-3-16-148410-0 is used in every example.
  Water boils at 100 °C, or 212 °F, at sea level.
  E = mc², F = ma, and PV = nRT.
  He scored 3-2, 6-4, 7-6 (8) in two hours and ten minutes.
  Please reply to office@example.com or call the front desk.
  Total: 1,299.00 EUR (VAT included), due 2026-03-31
  The recipe needs 250g sugar, 3 eggs and a pinch of salt.
  To whom it may concern: the bearer is known to me as honest.
  Q: What is the password policy? A: See the handbook, page 7.
  Note: secret ingredients, including the key one, are not listed.
  The tokeniser splits "unbelievable" into three tokens.
  Secretary of State; secretariat; secretion: none of these is secret.
  A keyboard, a keyhole, a keynote and a keystone walk into a bar.
  The passage about passports was passed over.
  Compass, trespass, bypass, surpass, overpass.
  pass: 12, fail: 3, skipped: 1
  Result: pass. Comment: well argued throughout.
`)

export const german: ReadonlyArray<string> = lines(`
  Sie haben ein grundlegendes Verständnis.
  Basic ist eine Programmiersprache aus den sechziger Jahren.
  Der Basic-Tarif enthält keine Unterstützung am Wochenende.
  Basic Englisch reicht für die Reise völlig aus.
  BASIC war damals in jedem Heimcomputer eingebaut.
  Basic-Authentifizierung sendet Benutzer und Passwort mit jeder Anfrage.
  Der Bearer Token wird im Authorization-Header mitgeschickt.
  Bearer-Authentifizierung ist in Abschnitt 4.2 beschrieben.
  Bitte wählen Sie ein Passwort mit mindestens zwölf Zeichen.
  Passwort: mindestens acht Zeichen, davon eine Ziffer.
  Passwort vergessen? Klicken Sie auf den Link in der E-Mail.
  Ihr Kennwort läuft in vierzehn Tagen ab.
  Das Passwort darf nicht leer sein.
  Niemand sollte sein Passwort unter die Tastatur kleben.
  Die Passwortrichtlinie gilt für alle Mitarbeiterinnen und Mitarbeiter.
  Ein Geheimnis ist, was man nur einem nach dem anderen erzählt.
  Das Geheimnis einer guten Suppe ist die Zeit.
  Der Schlüssel liegt unter dem blauen Blumentopf.
  Der Schlüssel zum Erfolg: früh planen, oft prüfen, wenig schreiben.
  Schlüssel: C-Dur; Tempo: Allegro; Stimmung: heiter.
  Der API-Schlüssel wird in der Umgebungsvariable erwartet.
  Ein Token ist eine Einheit von Text, oft ein Teil eines Wortes.
  Token: kleinste Einheit der Zerlegung
  Die Anfrage brauchte 1.204 Tokens, die Antwort 388 Tokens.
  Das Kontextfenster fasst 128.000 Token.
  Cookies: zweihundert Gramm Mehl, hundert Gramm Butter, Schokolade.
  Diese Seite verwendet Cookies, damit Sie nicht alles zweimal sagen müssen.
  Die Zugangsdaten erhalten Sie per Post.
  Der Überbringer dieses Schreibens darf passieren.
  Donaudampfschifffahrtsgesellschaftskapitänsmütze
  Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz
  Grundstücksverkehrsgenehmigungszuständigkeitsübertragungsverordnung
  Kraftfahrzeughaftpflichtversicherung und Rechtsschutzversicherungsgesellschaften
  Der Angstschweiß des Borschtschkochs tropfte auf den Herd.
  Am Donnerstag, dem 12. März 2026, bleibt das Büro geschlossen.
  Die Rechnung Nr. 2026-00417 über 1.299,00 Euro ist fällig.
  Bankverbindung: siehe Briefkopf; Verwendungszweck: Rechnungsnummer.
  Wasser kocht bei 100 °C auf Meereshöhe.
  „Wo“, fragte sie, „hast du die Schlüssel hingelegt?“
  Es regnet; trotzdem gehen wir spazieren.
  Punkte: 7. Bemerkung: auf die Kommas achten.
  Der Aufsatz ist klar gegliedert und hat wenige Fehler.
  Sehr geehrte Frau Dr. Müller-Lüdenscheidt, vielen Dank für Ihren Brief.
  Der Zug fährt um 06:45 Uhr von Gleis 12, Wagen 23.
  Rufen Sie unter 030 / 901820 an, zwischen 9 und 17 Uhr.
  Frage: Wie lang muss das Passwort sein? Antwort: siehe Handbuch.
  Top Secret war ein Film mit Val Kilmer.
  Das Wichteln („Secret Santa“) findet am letzten Freitag statt.
  Wer den Schlüssel verliert, zahlt das Schloss.
  Ein gutes Passwort ist lang, ein schlechtes ist „passwort“.
  Straße, Größe, Übergröße, Fußballweltmeisterschaftsqualifikationsspiel
  Bitte keine Zugangsdaten, Token oder Kennwörter in Tickets schreiben.
  Die Authentifizierung schlug fehl: Benutzer unbekannt.
  Der private Schlüssel verlässt das Gerät nie.
  Der Keks war trocken, das Cookie-Banner groß.
  Bei Nichtgefallen Geld zurück, bei Gefallen auch.
`)

export const french: ReadonlyArray<string> = lines(`
  Vous avez une compréhension basique du sujet.
  Basic est un langage de programmation des années soixante.
  L'offre Basic ne comprend pas l'assistance le week-end.
  Basic Instinct est sorti en mille neuf cent quatre-vingt-douze.
  L'authentification Basic envoie le mot de passe à chaque requête.
  Le jeton Bearer se met dans l'en-tête Authorization.
  Bearer signifie « porteur » en anglais.
  Veuillez choisir un mot de passe d'au moins douze caractères.
  Mot de passe : huit caractères au moins, dont un chiffre.
  Mot de passe oublié ? Cliquez sur le lien du courriel.
  Le mot de passe ne doit pas être vide.
  J'ai encore oublié mon mot de passe, pour la troisième fois.
  Le secret d'une bonne soupe, c'est le temps.
  C'est un secret de Polichinelle.
  Secret : ingrédient principal de toute bonne recette.
  La clé du jardin est sous le pot bleu.
  La clé du succès : prévoir tôt, vérifier souvent, écrire peu.
  Clé : do majeur ; tempo : allegro ; humeur : gaie.
  La clé d'API est lue dans une variable d'environnement.
  Un token est une unité de texte, souvent une partie d'un mot.
  Token : la plus petite unité de l'analyse
  La requête a consommé 1 204 tokens, la réponse 388 tokens.
  Ce site utilise des cookies pour se souvenir de vous.
  Cookies : deux cents grammes de farine, cent de beurre, du chocolat.
  Le porteur de cette lettre peut passer.
  Anticonstitutionnellement est le mot le plus long, dit-on.
  Hexakosioihexekontahexaphobie et intergouvernementalisations
  L'eau bout à cent degrés au niveau de la mer.
  « Où, demanda-t-elle, as-tu mis les clés ? »
  Il pleut ; nous irons pourtant nous promener.
  Note : sept. Remarque : attention aux virgules.
  La rédaction est bien construite et compte peu de fautes.
  Chère Madame Dupont-Lefèvre, merci de votre lettre du 3 mars.
  Le train part à 6 h 45, voie 12, voiture 23.
  Appelez le 01 23 45 67 89 entre neuf et dix-sept heures.
  La facture n° 2026-00417 de 1 299,00 euros est échue.
  Qu'est-ce qu'un token ? Voir page sept du manuel.
  Le trousseau de clés était au fond du sac.
  Les identifiants vous seront envoyés par la poste.
  L'autorisation parentale est nécessaire pour la sortie.
  Autorisation : signature des deux parents.
  Ne notez jamais votre mot de passe sous le clavier.
  Un bon mot de passe est long ; un mauvais est « motdepasse ».
  La clé privée ne quitte jamais l'appareil.
  Passe, impasse, compas, trépas et passeport
  Œuvre, cœur, sœur, bœuf, nœud et vœu
  Résultat : reçu. Commentaire : bien argumenté.
  Le chat était assis sur le tapis, et le chien regardait.
  À l'échéance, le compte à terme est renouvelé.
  Tout est dans le titre, rien dans le texte.
`)

/** Of code and configuration, as it is explained to people. */
export const technical: ReadonlyArray<string> = lines(`
  const token = await getToken(user)
  const password = prompt("Password: ")
  if (password === "") throw new Error("password must not be empty")
  let secret: string | undefined = process.env.NOUKAI_API_KEY
  export NOUKAI_API_KEY=nk_live_...
  export GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
  API_KEY=your-api-key-here npm start
  DB_PASSWORD=changeme docker compose up
  password = os.environ["DB_PASSWORD"]
  token: SyntaxKind.StringLiteral
  api_key = config.get("api_key")
  Authorization: Bearer <token>
  Authorization: Bearer YOUR_ACCESS_TOKEN
  Authorization: Basic <base64 of user:password>
  headers: { "Authorization": "Bearer \${token}" }
  headers: { "x-api-key": process.env.API_KEY }
  {"password": "your-password", "username": "ada"}
  {"type": "object", "properties": {"password": {"type": "string"}, "token": {"type": "string"}}}
  {"required": ["username", "password", "token"], "additionalProperties": false}
  {"max_tokens": 4096, "prompt_tokens": 1204, "completion_tokens": 388, "tokenCount": 1592}
  {"eos_token": "</s>", "bos_token": "<s>", "pad_token": "<pad>"}
  [{"token": "The", "logprob": -0.31}, {"token": " cat", "logprob": -1.2}]
  {"tokens": ["the", "cat", "sat"], "pos": ["DET", "NOUN", "VERB"]}
  {"key": "title", "value": "The Treaty of Westphalia"}
  {"nextPageToken": "CAUQAA", "pageToken": null}
  {"passed": true, "pass": "yes", "keyboard": "qwerty", "keywords": "soup, time", "monkey": "george"}
  {"secretary": "Ms. Lin", "cookieConsent": "granted", "passage": "chapter 3", "tokenizer": "cl100k_base"}
  git commit da39a3ee5e6b4b0d3255bfef95601890afd80709 (HEAD -> main, origin/main)
  fixed in 9fceb02d0ae598e95dc970b74767f19372d61af8, see also e83c5163
  sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
  sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==
  etag: "33a64df551425fcc55e4d42a148795d9f25f89d4"
  d41d8cd98f00b204e9800998ecf8427e  empty.txt
  0a6c2f5e-9d41-4b0e-8f6b-2f3f0e5b7c11 is the session of that request
  X-Session-Id: 5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01
  https://example.com/a:b@c
  https://example.com:8080/path/@user?x=1&y=2#part
  https://github.com/nodejs/node/blob/9fceb02d0ae598e95dc970b74767f19372d61af8/lib/fs.js#L10-L20
  https://developer.mozilla.org/docs/Web/API/RTCRtpScriptTransformer
  https://files.example.org/items/18471z1H402O24072r1J/Screenshot.png
  https://docs.example.com/document/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit
  https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=PLFgquLnL59alCl_2TQvOiD5Vgm1hCaGSI
  https://codecov.io/gh/acme/app/branch/main/graph/badge.svg?token=KxR95XT3NF
  git@github.com:acme/app.git, ssh://git@example.com:22/acme/app.git
  postgres://user:password@localhost:5432/app
  postgres://user:\${DB_PASSWORD}@localhost/app, redis://:***@cache:6379
  mailto:ada@example.com?subject=password%20reset
  <img src="data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7">
  iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
  class="sk-spinner sk-spinner-pulse-animation-container is-active"
  import { sk_test_predictions } from "./models/rk_test_configuration.js"
  pip install sk-learn-contrib-imbalanced-datasets
  hf_model_name_or_path = "distilbert-base-uncased-finetuned-sst-2-english"
  npm_config_registry, npm_lifecycle_event, npm_package_version
  the xoxo-gossip-column-of-the-week is out
  key-value-stores-and-other-strange-things
  AKIAVENUE, ASIAMINOR, AIDAOPERA and AROANPALACE are no words
  eyJ is how every token of that kind begins
  -----BEGIN CERTIFICATE----- is followed by lines of base64, and a line -----BEGIN PRIVATE KEY----- by what is private.
  internalAuthenticationTokenProviderFactoryBean2
  getUserByEmailAndOrganisationIdentifierV2
  packages/sdk/src/internal/recording/Credential40Scan.ts
  src/components/Button2/IconWithLabelHere/index.tsx
  SELECT password_hash, token_count FROM users WHERE api_key IS NULL
  Error: password authentication failed for user "postgres" at Parser.parseErrorMessage (parser.js:283:98)
  curl -u user:password https://example.com, curl -H "Authorization: Bearer $TOKEN" https://example.com
  kubectl create secret generic db --from-literal=password=$(cat pw.txt)
  --token=<token> --key=<key> --secret=<secret> --password=<password>
  Set-Cookie: session=...; Path=/; HttpOnly; Secure; SameSite=Lax
  cookie: "<redacted>", authorization: "[redacted]", password: "***"
  ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/
  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  0123456789012345678901234567890123456789
  ........................................
  秘密のパスワードは誰にも言わないでください。トークンは三つです。
  Пароль должен быть не короче двенадцати знаков; токен истёк.
  كلمة السر: اثنا عشر حرفا على الأقل
`)

const parts = {
  english: {
    who: [
      "The teacher",
      "A student",
      "My neighbour",
      "The committee",
      "Every traveller",
      "The old captain",
      "Nobody",
      "Her editor"
    ],
    does: ["explained", "forgot", "wrote down", "lost", "asked for", "described", "kept", "misunderstood", "found"],
    what: [
      "the basic rules",
      "a basic understanding of it",
      "the bearer of the news",
      "a token of thanks",
      "three tokens",
      "the password policy",
      "a secret recipe",
      "the key idea",
      "an authorization form",
      "the cookie jar",
      "all credentials",
      "the passphrase"
    ],
    when: [
      "before lunch.",
      "in 2024; nobody cared.",
      "on page 17.",
      "(see chapter 3).",
      "and went home.",
      "twice a week!",
      "at 10:45, or later?"
    ]
  },
  german: {
    who: [
      "Die Lehrerin",
      "Ein Schüler",
      "Mein Nachbar",
      "Der Ausschuss",
      "Jeder Reisende",
      "Der alte Kapitän",
      "Niemand"
    ],
    does: ["erklärte", "vergaß", "notierte", "verlor", "verlangte", "beschrieb", "behielt", "fand"],
    what: [
      "die Basic-Regeln",
      "das Passwort der Woche",
      "ein Geheimnis",
      "den Schlüsselsatz",
      "drei Tokens",
      "den Bearer der Nachricht",
      "die Zugangsdaten",
      "das Kennwort",
      "die Keksdose",
      "eine Vollmacht"
    ],
    when: [
      "vor dem Essen.",
      "im Jahr 2024.",
      "auf Seite 17.",
      "(siehe Kapitel 3).",
      "und ging nach Hause.",
      "zweimal die Woche!",
      "um 10:45 Uhr?"
    ]
  },
  french: {
    who: [
      "La maîtresse",
      "Un élève",
      "Mon voisin",
      "Le comité",
      "Chaque voyageur",
      "Le vieux capitaine",
      "Personne d'autre"
    ],
    does: ["expliqua", "oublia", "nota", "perdit", "demanda", "décrivit", "garda", "trouva"],
    what: [
      "les règles basic",
      "le mot de passe",
      "un secret de famille",
      "la clé du problème",
      "trois tokens",
      "le jeton bearer",
      "les identifiants",
      "une autorisation",
      "la boîte à cookies",
      "la phrase secrète"
    ],
    when: [
      "avant midi.",
      "en 2024.",
      "à la page 17.",
      "(voir chapitre 3).",
      "et rentra.",
      "deux fois par semaine !",
      "à 10 h 45 ?"
    ]
  }
}

const sentences = ({ does, what, when, who }: typeof parts.english): ReadonlyArray<string> =>
  who.flatMap((a, n) => does.flatMap((b) => what.map((c, m) => `${a} ${b} ${c} ${when[(n + m) % when.length]!}`)))

/** Some thousand lines. */
export const prose: ReadonlyArray<string> = [
  ...english,
  ...german,
  ...french,
  ...technical,
  ...sentences(parts.english),
  ...sentences(parts.german),
  ...sentences(parts.french)
]

const drawn = (alphabet: string, length: number): FC.Arbitrary<string> =>
  FC.array(FC.constantFrom(...alphabet), { minLength: length, maxLength: length }).map((all) => all.join(""))

const hexadecimal = "0123456789abcdef"

const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

const around: FC.Arbitrary<(inner: string) => string> = FC.constantFrom(...[...english, ...german, ...french]).chain((
  line
) =>
  FC.constantFrom(
    (inner: string) => `${line} ${inner}`,
    (inner: string) => `${inner}: ${line}`,
    (inner: string) => `${line} (${inner}) ${line}`,
    (inner: string) => `${line}\n\n${inner}\n`
  )
)

/** Texts that look random and are no secret: ids, hashes, pictures, addresses, in the middle of a sentence. */
export const oddities: FC.Arbitrary<string> = FC.tuple(
  around,
  FC.oneof(
    FC.uuid(),
    drawn(hexadecimal, 7),
    drawn(hexadecimal, 32),
    drawn(hexadecimal, 40).map((sha) => `commit ${sha}`),
    drawn(hexadecimal, 64).map((digest) => `sha256:${digest}`),
    drawn(hexadecimal, 40).map((sha) => `https://github.com/acme/app/commit/${sha}`),
    FC.uuid().map((id) => `https://example.com/orders/${id}?page=2`),
    drawn(base64, 27).map((digest) => `sha1-${digest}=`),
    drawn(base64, 86).map((digest) => `sha512-${digest}==`),
    FC.integer({ min: 100, max: 900 }).chain((quads) => drawn(base64, quads * 4)).map((data) =>
      `data:image/png;base64,${data}`
    ),
    FC.integer({ min: 2, max: 9 }).chain((count) => FC.array(drawn(base64, 76), { minLength: count, maxLength: count }))
      .chain((all) =>
        FC.integer({ min: 1, max: 19 }).chain((quads) => drawn(base64, quads * 4)).map((last) =>
          [...all, last].join("\n")
        )
      ),
    FC.ipV6(),
    FC.webUrl({ withQueryParameters: true, withFragments: true }),
    FC.emailAddress(),
    FC.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    FC.maxSafeNat().map(String)
  )
).map(([put, inner]) => put(inner))
