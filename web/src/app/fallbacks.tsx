import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router'
import { buttonClass } from '@/components/Button'
import { useTitle } from '@/components/Page'
import { EmptyState, ErrorState } from '@/components/states'

/** An address that is no page. */
export function NotFound() {
  useTitle('Not found')
  return (
    <EmptyState icon="search" title="There is no page at this address">
      <p>It may have been mistyped, or what it showed has been deleted.</p>
      <Link to="/" className={buttonClass()}>
        Go to the overview
      </Link>
    </EmptyState>
  )
}

/** A page that could not be shown at all. */
export function Failure({ error, reset }: ErrorComponentProps) {
  const router = useRouter()
  useTitle('Something went wrong')
  return (
    <ErrorState
      error={error}
      what="This page"
      retry={() => {
        reset()
        void router.invalidate()
      }}
    />
  )
}
