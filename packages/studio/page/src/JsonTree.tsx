/** A JSON text as a tree that finds its nodes as they open, with a search, and values and paths to copy. */
import { createContext, type ReactNode, useContext, useEffect, useMemo, useReducer, useRef, useState } from "react"
import { bytes, count, oneLine, visible } from "./format.js"
import {
  childAround,
  childAt,
  type Children,
  childrenOf,
  inSlices,
  type JsonNode,
  keyAt,
  mostHits,
  pathBelow,
  rootOf,
  search,
  stringOf
} from "./jsonText.js"
import { Button, Icon } from "./parts.js"
import { copy } from "./store.js"

/** How many members an object or array shows at once. */
const windowSize = 100

/** How many characters of a string are shown, and how many more on request. */
const shownText = { first: 400, more: 20_000 }

/** Up to this length, all of a text is open from the beginning. */
const smallText = 2_000

interface Place {
  readonly node: JsonNode
  readonly path: string
}

/** An open text: which nodes are open, and from which member on each is shown. */
class Tree {
  readonly root: JsonNode
  readonly opened = new Map<number, { readonly from: number; readonly size: number }>()
  selected: Place
  /** Where the search has stopped. */
  hit: number | undefined
  private readonly found = new Map<number, Children | Promise<Children | undefined>>()

  constructor(
    readonly text: string,
    readonly signal: AbortSignal,
    readonly changed: () => void
  ) {
    this.root = rootOf(text)
    this.selected = { node: this.root, path: "" }
    this.open(this.root, text.length <= smallText)
  }

  private open(node: JsonNode, isDeep: boolean): void {
    if (!isContainer(node)) return
    this.opened.set(node.start, { from: 0, size: windowSize })
    const children = isDeep ? this.children(node) : undefined
    for (let nth = 0; children !== undefined && nth < children.length; nth++) {
      this.open(childAt(this.text, children, nth), true)
    }
  }

  /** The members of a node. `undefined`: they are being found, and the tree changes then. */
  children(node: JsonNode): Children | undefined {
    const found = this.found.get(node.start) ?? inSlices(childrenOf(this.text, node), this.signal)
    if (!(found instanceof Promise)) {
      this.found.set(node.start, found)
      return found
    }
    if (!this.found.has(node.start)) {
      this.found.set(node.start, found)
      void found.then((children) => {
        if (children === undefined) return
        this.found.set(node.start, children)
        this.changed()
      })
    }
    return undefined
  }

  show(node: JsonNode, from: number, size = windowSize): void {
    this.opened.set(node.start, { from, size })
    this.changed()
  }

  toggle(place: Place): void {
    this.selected = place
    this.hit = undefined
    if (isContainer(place.node) && !this.opened.delete(place.node.start)) {
      this.opened.set(place.node.start, { from: 0, size: windowSize })
    }
    this.changed()
  }

  /** Opens the nodes around a place of the text, and selects the innermost. */
  async reveal(hit: number): Promise<void> {
    let node = this.root
    let path = ""
    while (isContainer(node)) {
      this.children(node)
      const children = await this.found.get(node.start)
      const index = children === undefined ? undefined : childAround(children, hit)
      if (children === undefined || index === undefined) break
      this.opened.set(node.start, { from: Math.floor(index / windowSize) * windowSize, size: windowSize })
      path = pathBelow(path, keyAt(this.text, children, index) ?? index)
      node = childAt(this.text, children, index)
      if (hit < node.start) break
    }
    this.selected = { node, path }
    this.hit = hit
    this.changed()
  }

  /** The value of a node as text to copy: a string without its quotes. */
  valueOf(node: JsonNode): string {
    return node.kind === "string"
      ? stringOf(this.text, node, Infinity).text
      : this.text.slice(node.start, node.end)
  }
}

const isContainer = ({ kind }: JsonNode): boolean => kind === "object" || kind === "array"

const TreeContext = createContext<Tree | undefined>(undefined)

const useTree = (): Tree => useContext(TreeContext)!

/** A string with its invisible characters escaped. Long ones show their beginning. */
const LongText = ({ node, quoted }: { readonly node: JsonNode; readonly quoted: boolean }): ReactNode => {
  const tree = useTree()
  const [most, setMost] = useState(shownText.first)
  const { isWhole, text } = node.kind === "text"
    ? { text: tree.text.slice(0, most), isWhole: tree.text.length <= most }
    : stringOf(tree.text, node, most)
  const mark = quoted ? "\"" : ""
  return (
    <>
      <bdi className="json-string">{mark}{visible(text)}{isWhole ? mark : "…"}</bdi>
      {!isWhole && (
        <Button kind="quiet" onClick={() => setMost(most + shownText.more)}>
          Show more of {bytes(node.end - node.start)}
        </Button>
      )}
    </>
  )
}

const Value = ({ node }: { readonly node: JsonNode }): ReactNode => {
  const { text } = useTree()
  if (isContainer(node)) {
    const preview = text.slice(node.start, Math.min(node.end, node.start + 90))
    return <bdi className="json-preview">{oneLine(preview)}{node.end - node.start > 90 && "…"}</bdi>
  }
  return <bdi className={`json-${node.kind}`}>{visible(text.slice(node.start, Math.min(node.end, node.start + 200)))}</bdi>
}

/** The text around the place where the search has stopped, in a string that is not shown up to there. */
const Excerpt = ({ node }: { readonly node: JsonNode }): ReactNode => {
  const { hit, text } = useTree()
  if (hit === undefined || hit < node.start + shownText.first) return null
  const from = Math.max(node.start, hit - 120)
  return <bdi className="json-excerpt">…{visible(text.slice(from, Math.min(node.end, hit + 200)))}…</bdi>
}

const Row = ({ name, node, path }: {
  readonly name: string | number | undefined
  readonly node: JsonNode
  readonly path: string
}): ReactNode => {
  const tree = useTree()
  const isSelected = tree.selected.node.start === node.start
  const isOpen = tree.opened.has(node.start)
  const row = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (isSelected && tree.hit !== undefined) row.current?.scrollIntoView({ block: "nearest" })
  }, [isSelected, tree.hit])
  const key = name === undefined
    ? null
    : typeof name === "number"
    ? <span className="json-index">{name}</span>
    : <bdi className="json-key">{visible(name.length > 200 ? `${name.slice(0, 200)}…` : name)}</bdi>
  const button = (
    <button
      ref={row}
      type="button"
      className="json-row"
      aria-current={isSelected ? "true" : undefined}
      aria-expanded={isContainer(node) ? isOpen : undefined}
      onClick={() => tree.toggle({ node, path })}
    >
      <span className="json-fold">{isContainer(node) && <Icon name={isOpen ? "down" : "right"} />}</span>
      {key}
      {node.kind !== "string" && !(isContainer(node) && isOpen) && <Value node={node} />}
      {isContainer(node) && isOpen && <span className="json-preview">{node.kind === "array" ? "[ ]" : "{ }"}</span>}
    </button>
  )
  return (
    <>
      {node.kind === "string"
        ? (
          <div className={node.end - node.start > 60 ? "json-line is-long" : "json-line"}>
            {button}
            <span className="json-text"><LongText node={node} quoted /></span>
          </div>
        )
        : button}
      {isSelected && node.kind === "string" && <Excerpt node={node} />}
      {isContainer(node) && isOpen && <Members node={node} path={path} />}
    </>
  )
}

const Members = ({ node, path }: { readonly node: JsonNode; readonly path: string }): ReactNode => {
  const tree = useTree()
  const children = tree.children(node)
  if (children === undefined) return <p className="json-more" role="status">Reading {bytes(node.end - node.start)}…</p>
  if (children.length === 0) return <p className="json-more">empty</p>
  const { from, size } = tree.opened.get(node.start) ?? { from: 0, size: windowSize }
  const to = Math.min(children.length, from + size)
  return (
    <ul className="json-members">
      {from > 0 && (
        <li className="json-more">
          <Button kind="quiet" onClick={() => tree.show(node, Math.max(0, from - windowSize), to - Math.max(0, from - windowSize))}>
            Show {count(Math.min(windowSize, from))} earlier of {count(children.length)}
          </Button>
        </li>
      )}
      {Array.from({ length: to - from }, (_, nth) => {
        const name = keyAt(tree.text, children, from + nth) ?? from + nth
        return (
          <li key={from + nth}>
            <Row name={name} node={childAt(tree.text, children, from + nth)} path={pathBelow(path, name)} />
          </li>
        )
      })}
      {to < children.length && (
        <li className="json-more">
          <Button kind="quiet" onClick={() => tree.show(node, from, size + windowSize)}>
            Show {count(Math.min(windowSize, children.length - to))} more of {count(children.length)}
          </Button>
        </li>
      )}
    </ul>
  )
}

const Search = ({ label, tree }: { readonly label: string; readonly tree: Tree }): ReactNode => {
  const [sought, setSought] = useState("")
  const [hits, setHits] = useState<ReadonlyArray<number>>([])
  const [nth, setNth] = useState(0)
  useEffect(() => {
    setHits([])
    if (sought === "") return
    const ending = new AbortController()
    void Promise.resolve(inSlices(search(tree.text, sought), ending.signal)).then((found) => {
      if (ending.signal.aborted || found === undefined) return
      setHits(found)
      setNth(0)
      if (found[0] !== undefined) void tree.reveal(found[0])
    })
    return () => ending.abort()
  }, [sought, tree])
  const go = (by: number): void => {
    if (hits.length === 0) return
    const next = (nth + by + hits.length) % hits.length
    setNth(next)
    void tree.reveal(hits[next]!)
  }
  return (
    <div className="json-search" role="search" aria-label={`Search ${label}`}>
      <input
        type="search"
        value={sought}
        placeholder="Search"
        aria-label={`Search ${label}`}
        autoFocus
        spellCheck={false}
        onChange={({ target }) => setSought(target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return
          event.preventDefault()
          go(event.shiftKey ? -1 : 1)
        }}
      />
      <output>
        {sought === "" ? "" : hits.length === 0 ? "not found" : `${nth + 1} of ${hits.length === mostHits ? "1,000+" : hits.length}`}
      </output>
      <Button kind="icon" label="Previous place" onClick={() => go(-1)}><Icon name="up" /></Button>
      <Button kind="icon" label="Next place" onClick={() => go(1)}><Icon name="down" /></Button>
    </div>
  )
}

/** `label` names the value for screen readers: "input of answer". */
export const JsonTree = ({ label, text }: { readonly label: string; readonly text: string }): ReactNode => {
  const [, changed] = useReducer((version: number) => version + 1, 0)
  const ending = useRef<AbortController>(undefined)
  const tree = useMemo(() => {
    ending.current?.abort()
    ending.current = new AbortController()
    return new Tree(text, ending.current.signal, changed)
  }, [text])
  const [isSearching, setSearching] = useState(false)
  const { node, path } = tree.selected
  const isText = tree.root.kind === "string" || tree.root.kind === "text"
  return (
    <TreeContext value={tree}>
      <div className="json" data-keys="own">
        <div className="json-tools">
          <code className="json-path" title="The path of the selected value">{path === "" ? "." : oneLine(path)}</code>
          <Button
            kind="icon"
            label={`Search ${label}`}
            pressed={isSearching}
            onClick={() => setSearching(!isSearching)}
          >
            <Icon name="search" />
          </Button>
          <Button kind="quiet" label={`Copy path in ${label}`} onClick={() => void copy(path === "" ? "." : path, "Path")}>Copy path</Button>
          <Button kind="quiet" label={`Copy value of ${label}`} onClick={() => void copy(tree.valueOf(node), "Value")}>Copy value</Button>
        </div>
        {isSearching && <Search key={text.length} label={label} tree={tree} />}
        <div className="json-values" tabIndex={0} role="group" aria-label={label}>
          {isText
            ? <p className="json-prose"><LongText node={tree.root} quoted={false} /></p>
            : <Row name={undefined} node={tree.root} path="" />}
          {isText && <Excerpt node={tree.root} />}
        </div>
      </div>
    </TreeContext>
  )
}
