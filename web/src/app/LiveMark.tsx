import { useLiveState } from '@/api/live/state'
import { POLL_MS } from '@/api/polling'
import './live.css'

const MARKS = {
  live: ['Live', 'What changes is shown as it does.'],
  reconnecting: ['Reconnecting', 'The connection was lost. What is shown may be some seconds old.'],
  off: [`Every ${POLL_MS / 1000} s`, `The page asks for what changed every ${POLL_MS / 1000} seconds.`],
} as const

/** How fresh the page is, for who wonders. */
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
