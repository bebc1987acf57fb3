// Whether this tab receives live updates. Pages poll less while it does.
import { useSyncExternalStore } from 'react'

/** `off`: pages poll. `live`: updates arrive. `reconnecting`: the stream was interrupted and is being restored. */
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
