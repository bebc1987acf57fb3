import type { ReactNode } from 'react'
import { ApiError } from '@/api/client'
import { Button } from './Button'
import { Icon, type IconName } from './Icon'
import './states.css'

/** A titled part of a page. */
export function Card({
  title,
  side,
  children,
  flush = false,
}: {
  title?: ReactNode
  side?: ReactNode
  children: ReactNode
  flush?: boolean
}) {
  return (
    <section className="card" aria-label={typeof title === 'string' ? title : undefined}>
      {title && (
        <div className="card__head">
          <h2>{title}</h2>
          {side}
        </div>
      )}
      {flush ? children : <div className="card__body">{children}</div>}
    </section>
  )
}

/** Says that nothing exists yet, and what to do about it. */
export function EmptyState({
  icon,
  title,
  children,
}: {
  icon: IconName
  title: string
  children?: ReactNode
}) {
  return (
    <div className="state">
      <span className="state__icon">
        <Icon name={icon} size={20} />
      </span>
      <h2>{title}</h2>
      {children}
    </div>
  )
}

/** A failure with its request id and a button to retry. */
export function ErrorState({ error, retry, what }: { error: unknown; retry?: () => void; what: string }) {
  const { message, requestId } = inWords(error)
  return (
    <div className="state" role="alert">
      <span className="state__icon state__icon--error">
        <Icon name="issues" size={20} />
      </span>
      <h2>{what} could not be loaded</h2>
      <p>{message}</p>
      {requestId && (
        <span className="state__id">
          Request id <code>{requestId}</code>
        </span>
      )}
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  )
}

/** A failed action or refresh, in one line beside its subject. */
export function ErrorNotice({ error, retry }: { error: unknown; retry?: () => void }) {
  if (!error) return null
  const { message, requestId } = inWords(error)
  return (
    <div className="notice notice--error" role="alert">
      <span>{message}</span>{' '}
      {requestId && (
        <span className="small">
          Request id <code>{requestId}</code>
        </span>
      )}
      {retry && (
        <Button look="small" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  )
}

/** Grey placeholders with the height of rows. */
export function SkeletonRows({ rows = 6, what }: { rows?: number; what: string }) {
  return (
    <div role="status" aria-label={`Loading ${what}`}>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: equal shapes that never move.
        <span key={row} className="skeleton skeleton--row" />
      ))}
    </div>
  )
}

function inWords(error: unknown): { message: string; requestId: string | null } {
  if (error instanceof ApiError) return { message: error.message, requestId: error.requestId }
  return {
    message: error instanceof Error ? error.message : 'Something unexpected happened.',
    requestId: null,
  }
}
