import { useNavigate } from '@tanstack/react-router'
import { Fragment, useEffect, useEffectEvent, useRef } from 'react'
import { Button } from '@/components/Button'
import { Icon } from '@/components/Icon'

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

/** The keyboard, on every page: rows are whatever carries `data-row`, the search whatever carries `data-search`. */
export function Shortcuts() {
  const dialog = useRef<HTMLDialogElement>(null)
  const going = useRef(false)
  const navigate = useNavigate()

  const press = useEffectEvent((event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || dialog.current?.open)
      return
    if (isTyping(event.target)) {
      if (event.key === 'Escape') (event.target as HTMLElement).blur()
      return
    }
    const place = going.current ? PLACES[event.key as keyof typeof PLACES] : undefined
    going.current = event.key === 'g'
    if (place) void navigate({ to: place })
    else if (event.key === '/') void search()
    else if (event.key === 'j') moveRow(1)
    else if (event.key === 'k') moveRow(-1)
    else if (event.key === '?') dialog.current?.showModal()
    else return
    event.preventDefault()
  })

  async function search() {
    if (!document.querySelector('[data-search]')) await navigate({ to: '/issues' })
    focusSearch()
  }

  useEffect(() => {
    const listen = (event: KeyboardEvent) => press(event)
    document.addEventListener('keydown', listen)
    return () => document.removeEventListener('keydown', listen)
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

function moveRow(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
  const current = rows.indexOf(document.activeElement as HTMLElement)
  const next = rows[current === -1 ? 0 : Math.min(rows.length - 1, Math.max(0, current + by))]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
}

/** The page that was just opened may need a few frames until its search is there. */
function focusSearch(frames = 30): void {
  const search = document.querySelector<HTMLInputElement>('[data-search]')
  if (search) {
    search.focus()
    search.select()
  } else if (frames > 0) requestAnimationFrame(() => focusSearch(frames - 1))
}
