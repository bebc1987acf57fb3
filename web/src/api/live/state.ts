// Whether this tab is told what changes. One value for the tab: pages ask for less while they are told.
import { useSyncExternalStore } from 'react'

/** `off`: pages ask by themselves. `live`: they are told. `reconnecting`: they were, and hopefully soon are again. */
export type LiveState = 'off' | 'live' | 'reconnecting'

let state: LiveState = 'off'
const listeners = new Set<() => void>()

export function setLiveState(next: LiveState): void {
  if (next === state) return
  state = next
  for (const each of listeners) each()
}

export const isLive = () => state === 'live'

export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => state,
  )
}
