import { useSyncExternalStore } from 'react'

/** One timer for all relative times of a page. */
const TICK_MS = 10_000
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined
const listeners = new Set<() => void>()

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const each of listeners) each()
  }, TICK_MS)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** The current time in milliseconds, accurate to ten seconds. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => {
    // A page that is shown again must not start with an old time.
    if (Date.now() - now >= TICK_MS) now = Date.now()
    return now
  })
}
