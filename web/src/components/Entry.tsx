import type { ReactNode } from 'react'
import './entry.css'
import { Logo } from './Icon'
import { useTitle } from './Page'

/** The frame of a page without a session, such as the sign-in page. */
export function Entry({
  title,
  intro,
  above,
  wide = false,
  children,
}: {
  title: string
  intro?: ReactNode
  above?: ReactNode
  wide?: boolean
  children: ReactNode
}) {
  useTitle(title)
  return (
    <main className="entry">
      <div className="entry__brand">
        <Logo size={32} />
        Squall
      </div>
      {above}
      <div className={wide ? 'entry__card entry__card--wide' : 'entry__card'}>
        <div>
          <h1>{title}</h1>
          {intro && <p className="muted">{intro}</p>}
        </div>
        {children}
      </div>
    </main>
  )
}
