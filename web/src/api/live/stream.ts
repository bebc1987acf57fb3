// The one stream of a tab. It is closed while the tab is hidden.
import { type LiveState, setLiveState } from './state'

/** A tab that is hidden for this long closes its stream: a browser opens only six connections to a server. */
export const HIDDEN_MS = 30_000

/** A shorter interruption, such as a restart of the server, does not make pages poll. */
export const GRACE_MS = 5_000

/** The wait after the server has refused the stream: the first and the longest; it doubles in between. */
const RETRY_MS = [5_000, 60_000] as const

const EVENTS = ['issue.new', 'issue.changed', 'counts', 'resync'] as const
type EventName = (typeof EVENTS)[number]

type Listener = {
  /** A message arrived. */
  message: (name: EventName, data: string) => void
  /** What is shown may be out of date. */
  stale: () => void
}

/** Keeps a stream open until the returned function is called. Without EventSource, pages poll. */
export function keepStream({ message, stale }: Listener): () => void {
  if (typeof EventSource === 'undefined') return () => {}
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let grace: ReturnType<typeof setTimeout> | undefined
  let retry: number = RETRY_MS[0]

  function open() {
    clearTimers()
    source?.close()
    source = new EventSource('/api/v1/stream')
    let isFirst = true
    source.onopen = () => {
      clearTimers()
      retry = RETRY_MS[0]
      setLiveState('live')
      // Data loaded before the stream started may be out of date. After a reconnect, the server knows what was missed.
      if (isFirst) stale()
      isFirst = false
    }
    source.onerror = interrupted
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => message(name, (event as MessageEvent<string>).data))
    }
  }

  function clearTimers() {
    clearTimeout(timer)
    clearTimeout(grace)
    grace = undefined
  }

  /** The browser reconnects on its own, unless the server has refused the stream: then retry later and poll. */
  function interrupted() {
    if (source?.readyState === EventSource.CLOSED) {
      clearTimers()
      const wait = retry
      retry = Math.min(retry * 2, RETRY_MS[1])
      timer = setTimeout(open, wait)
      return leave('off')
    }
    setLiveState('reconnecting')
    // Counted from the first failure: the browser retries every few seconds.
    grace ??= setTimeout(() => leave('reconnecting'), GRACE_MS)
  }

  /** Pages start to poll with their next answer. */
  function leave(state: LiveState) {
    setLiveState(state)
    stale()
  }

  function close() {
    clearTimers()
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
