import { useNavigate } from '@tanstack/react-router'
import { Fragment, useEffectEvent, useLayoutEffect, useRef } from 'react'
import { Button } from '@/components/Button'
import { Icon } from '@/components/Icon'
import { type AwaitedSearch, awaitSearch } from './awaitedSearch'

const HELP: [keys: string[], does: string][] = [
  [['/'], 'search issues'],
  [['j'], 'next in the list'],
  [['k'], 'previous in the list'],
  [['Enter'], 'open what is focused'],
  [['g', 'o'], 'go to the overview'],
  [['g', 'i'], 'go to issues'],
  [['g', 's'], 'go to sources'],
  [['?'], 'show these shortcuts'],
  [['Esc'], 'leave the search, close this'],
]

const PLACES = { o: '/', i: '/issues', s: '/sources' } as const

/** Keyboard shortcuts on every page. Rows have the attribute `data-row`, the search has `data-search`. */
export function Shortcuts() {
  const dialog = useRef<HTMLDialogElement>(null)
  const going = useRef(false)
  const awaited = useRef<AwaitedSearch>(null)
  const navigate = useNavigate()

  const press = useEffectEvent((event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || dialog.current?.open)
      return
    if (isTyping(event.target)) {
      if (event.key === 'Escape') leave(event.target as HTMLElement, event)
      return
    }
    if (awaited.current?.takes(event.key)) return event.preventDefault()
    const place = going.current ? PLACES[event.key as keyof typeof PLACES] : undefined
    going.current = event.key === 'g'
    if (place) void navigate({ to: place })
    else if (event.key === '/') search()
    else if (event.key === 'j') moveRow(1)
    else if (event.key === 'k') moveRow(-1)
    else if (event.key === '?') dialog.current?.showModal()
    else return
    event.preventDefault()
  })

  /** Without a search on this page, go to the page that has one. What is typed while its code loads is kept. */
  function search() {
    awaited.current = awaitSearch()
    if (awaited.current.isThere) return
    const { giveUp } = awaited.current
    navigate({ to: '/issues' }).catch(giveUp)
  }

  // Before the page is painted, because the user may press a key as soon as it is visible.
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent) => press(event)
    document.addEventListener('keydown', listen)
    return () => {
      document.removeEventListener('keydown', listen)
      awaited.current?.giveUp()
    }
  }, [])

  return (
    <dialog ref={dialog} className="shortcuts" aria-labelledby="shortcuts-title">
      <div className="row spread">
        <h2 id="shortcuts-title">Keyboard shortcuts</h2>
        <Button look={['quiet', 'icon']} aria-label="Close" onClick={() => dialog.current?.close()}>
          <Icon name="close" />
        </Button>
      </div>
      <dl>
        {HELP.map(([keys, does]) => (
          <Fragment key={does}>
            <dt>
              {keys.map((key) => (
                <kbd key={key} className="kbd">
                  {key}
                </kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </Fragment>
        ))}
      </dl>
    </dialog>
  )
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.matches('input, textarea, select') || target.isContentEditable)
  )
}

/** Browsers empty a search field on Escape. Here, Escape leaves the field and keeps its text. */
function leave(field: HTMLElement, event: KeyboardEvent): void {
  if (field.matches('[data-search]')) event.preventDefault()
  field.blur()
}

function moveRow(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
  const current = rows.indexOf(document.activeElement as HTMLElement)
  const next = rows[current === -1 ? 0 : Math.min(rows.length - 1, Math.max(0, current + by))]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
}
