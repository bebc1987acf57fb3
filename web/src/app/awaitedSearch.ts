// Focuses the search of a page that is still loading, and keeps what is typed until then.

/** A page that takes longer has failed. Until then, keys belong to the search and are not shortcuts. */
const GIVEN_UP_MS = 10_000

export type AwaitedSearch = {
  /** The search was already on the page. */
  isThere: boolean
  /** Whether this key belongs to the search. */
  takes: (key: string) => boolean
  giveUp: () => void
}

/** Focuses the element with `data-search`, now or as soon as it appears. */
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
    // A click cancels it.
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

/** Focuses the search and enters what was typed. */
function enter(typed: string): boolean {
  const search = document.querySelector<HTMLInputElement>('[data-search]')
  if (!search) return false
  search.focus()
  search.select()
  if (typed !== '') {
    // React overrides the setter of the element; only the native one triggers its change event.
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set?.call(search, typed)
    search.dispatchEvent(new InputEvent('input', { bubbles: true }))
  }
  return true
}
