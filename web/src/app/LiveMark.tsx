import { useLiveState } from '@/api/live/state'
import { POLL_MS } from '@/api/polling'
import './live.css'

const MARKS = {
  live: ['Live', 'Changes appear as they happen.'],
  reconnecting: ['Reconnecting', 'The connection was lost. The page may be some seconds old.'],
  off: [`Every ${POLL_MS / 1000} s`, `The page checks for changes every ${POLL_MS / 1000} seconds.`],
} as const

/** Shows how the page is kept up to date. */
export function LiveMark() {
  const state = useLiveState()
  const [word, sentence] = MARKS[state]
  return (
    <span className={`live live--${state}`} title={sentence}>
      <span className="live__dot" aria-hidden="true" />
      <span className="hidden-visually">Updates: </span>
      <span className="live__word">{word}</span>
    </span>
  )
}
