// The one stream of a tab: opened, closed while nobody looks, and opened again.
import { type LiveState, setLiveState } from './state'

/** A tab out of sight for so long gives its connection back: a browser has six for a server, for all its tabs. */
export const HIDDEN_MS = 30_000

/** An interruption this short, such as a restart of the server, changes nothing but the mark. */
export const PATIENCE_MS = 5_000

/** When the server refuses the stream: at first, and at most; doubled in between. */
const RETRY_MS = [5_000, 60_000] as const

const EVENTS = ['issue.new', 'issue.changed', 'counts', 'resync'] as const
export type EventName = (typeof EVENTS)[number]

export type Listener = {
  /** Something was told. */
  told: (name: EventName, data: string) => void
  /** Whatever is shown may be out of date: read it anew. */
  stale: () => void
}

/** Keeps a stream open until the function it returns is called. Without EventSource nothing happens, and pages poll. */
export function keepStream({ told, stale }: Listener): () => void {
  if (typeof EventSource === 'undefined') return () => {}
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let patience: ReturnType<typeof setTimeout> | undefined
  let retry: number = RETRY_MS[0]

  function open() {
    calm()
    source?.close()
    source = new EventSource('/api/v1/stream')
    let isFirst = true
    source.onopen = () => {
      calm()
      retry = RETRY_MS[0]
      setLiveState('live')
      // What was read before the stream began may have changed since. Later the server knows what was missed.
      if (isFirst) stale()
      isFirst = false
    }
    source.onerror = interrupted
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => told(name, (event as MessageEvent<string>).data))
    }
  }

  /** The browser reconnects by itself, unless the server refused: then we ask again later, and pages poll. */
  /** Nothing is waited for any more. */
  function calm() {
    clearTimeout(timer)
    clearTimeout(patience)
    patience = undefined
  }

  function interrupted() {
    if (source?.readyState === EventSource.CLOSED) {
      calm()
      const wait = retry
      retry = Math.min(retry * 2, RETRY_MS[1])
      timer = setTimeout(open, wait)
      return leave('off')
    }
    setLiveState('reconnecting')
    // Counted from the first: the browser tries every few seconds, and each failure is told again.
    patience ??= setTimeout(() => leave('reconnecting'), PATIENCE_MS)
  }

  /** Pages begin to poll with their next answer. */
  function leave(state: LiveState) {
    setLiveState(state)
    stale()
  }

  function close() {
    calm()
    source?.close()
    source = undefined
    setLiveState('off')
  }

  function look() {
    if (!document.hidden && source?.readyState !== EventSource.OPEN) return open()
    clearTimeout(timer)
    if (document.hidden && source) timer = setTimeout(close, HIDDEN_MS)
  }

  look()
  document.addEventListener('visibilitychange', look)
  window.addEventListener('online', look)
  return () => {
    document.removeEventListener('visibilitychange', look)
    window.removeEventListener('online', look)
    close()
  }
}
