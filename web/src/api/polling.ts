import { isLive } from './live/state'

/** How often a visible page polls. */
export const POLL_MS = 5_000

/** How often a page polls although it is live, in case a message is lost. */
const LIVE_POLL_MS = 30_000

/** For data that the stream keeps up to date. */
export const pollUnlessLive = () => (isLive() ? LIVE_POLL_MS : POLL_MS)

/** For lists, whose rows move when they are reloaded: a live list reloads only when the user asks for it. */
export const pollListUnlessLive = () => (isLive() ? false : POLL_MS)

/** For what the user is waiting for, such as the first event. */
export const EAGER_POLL_MS = 1_500
