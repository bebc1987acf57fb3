import { useSyncExternalStore } from 'react'

/** One timer for all relative times of a page: they change together, and only as often as they can differ. */
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

/** The present moment in milliseconds, good to ten seconds. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => {
    // A page that comes back after a while must not begin with an old moment.
    if (Date.now() - now >= TICK_MS) now = Date.now()
    return now
  })
}
