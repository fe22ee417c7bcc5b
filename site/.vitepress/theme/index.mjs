import TwoslashFloatingVue from "@shikijs/vitepress-twoslash/client"
import "@shikijs/vitepress-twoslash/style.css"
import { useRoute, withBase } from "vitepress"
import DefaultTheme from "vitepress/theme"
import { h, nextTick, onMounted, watch } from "vue"
import "./style.css"

/** Mends two barriers of the theme: a button within a button of the side bar, and a name of the search that differs from its text. */
const mend = () => {
  for (const item of globalThis.document.querySelectorAll(".VPSidebarItem .item[role=button]")) {
    item.removeAttribute("role")
    item.removeAttribute("tabindex")
  }
  globalThis.document.querySelector(".DocSearch-Button")?.removeAttribute("aria-label")
}

const notFound = () =>
  h("main", { class: "vp-doc missing" }, [
    h("h1", "There is no such page"),
    h("p", "Search with the field at the top of the page, or begin here:"),
    h("ul", [
      h("li", h("a", { href: withBase("/guides/first-hour.html") }, "First hour")),
      h("li", h("a", { href: withBase("/guides/") }, "All guides")),
      h("li", h("a", { href: withBase("/api/") }, "The reference"))
    ])
  ])

export default {
  extends: DefaultTheme,
  Layout: () => h(DefaultTheme.Layout, null, { "not-found": notFound }),
  setup() {
    const route = useRoute()
    const later = () => nextTick(mend)
    onMounted(later)
    watch(() => route.path, later)
  },
  enhanceApp({ app }) {
    app.use(TwoslashFloatingVue)
  }
}
