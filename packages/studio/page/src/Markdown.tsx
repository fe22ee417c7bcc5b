/** Markdown of a model as elements of React: no HTML, no image, and links that tell nobody where they were followed. */
import type { ReactNode } from "react"
import ReactMarkdown, { type Components } from "react-markdown"
import remarkGfm from "remark-gfm"

/** The page has headings of its own. */
const heading = ({ children }: { readonly children?: ReactNode }): ReactNode => <p className="markdown-heading">{children}</p>

const components: Components = {
  h1: heading,
  h2: heading,
  h3: heading,
  h4: heading,
  h5: heading,
  h6: heading,
  a: ({ children, href }) =>
    href === undefined || !/^https?:/i.test(href)
      ? <>{children}</>
      : <a href={href} title={href} target="_blank" rel="noreferrer noopener nofollow">{children}</a>,
  img: ({ alt, src }) => <span className="muted">[image: {alt === undefined || alt === "" ? String(src) : alt}]</span>,
  // the boxes of a list of tasks
  input: ({ checked }) => <>{checked === true ? "☑" : "☐"}</>,
  pre: ({ children }) => <pre tabIndex={0}>{children}</pre>,
  table: ({ children }) => <div className="markdown-table" tabIndex={0} role="group" aria-label="Table"><table>{children}</table></div>
}

const plugins = [remarkGfm]

const Markdown = ({ text }: { readonly text: string }): ReactNode => (
  <ReactMarkdown remarkPlugins={plugins} components={components}>{text}</ReactMarkdown>
)

export default Markdown
