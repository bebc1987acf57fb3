import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router'
import { buttonClass } from '@/components/Button'
import { useTitle } from '@/components/Page'
import { EmptyState, ErrorState } from '@/components/states'

/** The page for unknown addresses. */
export function NotFound() {
  useTitle('Not found')
  return (
    <EmptyState icon="search" title="Page not found">
      <p>It may have been mistyped, or what it showed has been deleted.</p>
      <Link to="/" className={buttonClass()}>
        Go to the overview
      </Link>
    </EmptyState>
  )
}

/** The page for unexpected errors. */
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
