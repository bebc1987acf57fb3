import { isLive } from './live/state'

/** How often a page asks again while its tab is visible; in a hidden tab it rests. */
export const POLL_MS = 5_000

/** How often what the stream tells is asked for all the same, in case something is never told. */
const NET_MS = 30_000

/** The pause for what the stream tells. */
export const pollUnlessLive = () => (isLive() ? NET_MS : POLL_MS)

/** The same for lists: read anew, rows change places, which a live list does only when a person asks for it. */
export const pollListUnlessLive = () => (isLive() ? false : POLL_MS)

/** What is waited for at this moment, such as a first event, is asked for more often. */
export const EAGER_POLL_MS = 1_500
