/** How often a page asks again while its tab is visible; in a hidden tab it rests. */
export const POLL_MS = 5_000

/** What is waited for at this moment, such as a first event, is asked for more often. */
export const EAGER_POLL_MS = 1_500
