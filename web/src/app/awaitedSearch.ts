// The search of a page that is not there yet: it is focused when it comes, with what was typed meanwhile.

/** Whoever is still waiting then waits for a page that failed; until then its keys are no shortcuts. */
const GIVEN_UP_MS = 10_000

export type AwaitedSearch = {
  /** It was there at once. */
  isThere: boolean
  /** Whether this key belongs into the search. */
  takes: (key: string) => boolean
  giveUp: () => void
}

/** Focuses the search, whatever carries `data-search`, now or as soon as it appears. */
export function awaitSearch(): AwaitedSearch {
  let typed = ''
  const isThere = enter('')
  let isWaiting = !isThere

  const observer = new MutationObserver(() => {
    if (enter(typed)) giveUp()
  })
  const timer = isWaiting ? setTimeout(giveUp, GIVEN_UP_MS) : undefined
  if (isWaiting) {
    observer.observe(document.body, { childList: true, subtree: true })
    // A click is another wish.
    document.addEventListener('pointerdown', giveUp)
  }

  function giveUp() {
    isWaiting = false
    clearTimeout(timer)
    observer.disconnect()
    document.removeEventListener('pointerdown', giveUp)
  }

  function takes(key: string): boolean {
    if (!isWaiting) return false
    if (key === 'Escape') giveUp()
    else if (key === 'Backspace') typed = typed.slice(0, -1)
    else if ([...key].length === 1) typed += key
    else return false
    return true
  }

  return { isThere, takes, giveUp }
}

/** Focuses the search and types into it, as if it had been there. */
function enter(typed: string): boolean {
  const search = document.querySelector<HTMLInputElement>('[data-search]')
  if (!search) return false
  search.focus()
  search.select()
  if (typed !== '') {
    // React notices a change by its own setter on the element; a person's keys go past that.
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set?.call(search, typed)
    search.dispatchEvent(new InputEvent('input', { bubbles: true }))
  }
  return true
}
