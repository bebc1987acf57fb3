import { type ReactNode, useEffect } from 'react'
import './page.css'

/** Sets the title of the document while a page is shown. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Squall`
  }, [title])
}

/** The frame of a page: heading, actions beside it, and content below. */
export function Page({ title, side, children }: { title: string; side?: ReactNode; children: ReactNode }) {
  useTitle(title)
  return (
    <div className="page">
      <div className="page__head">
        <h1>{title}</h1>
        {side}
      </div>
      {children}
    </div>
  )
}
