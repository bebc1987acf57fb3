import type { QueryClient } from '@tanstack/react-query'
import { redirect } from '@tanstack/react-router'
import { ApiError } from '@/api/client'
import { sessionQuery, setupQuery } from '@/api/session'

type Entering = { context: { queryClient: QueryClient }; location: { href: string } }

/** Requires a session. Without one, leads to the sign-in page, or to the setup if no user exists. */
export async function requireSession({ context: { queryClient }, location }: Entering) {
  try {
    await queryClient.ensureQueryData(sessionQuery)
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) throw error
    const { needed } = await queryClient.fetchQuery(setupQuery)
    if (needed) throw redirect({ to: '/setup' })
    throw redirect({ to: '/sign-in', search: location.href === '/' ? {} : { next: location.href } })
  }
}

/** Keeps the project in the URL from page to page, until a link names another one. */
export function keepProject<T extends { project?: string }>({
  search,
  next,
}: {
  search: T
  next: (search: T) => T
}): T {
  const result = next(search)
  return 'project' in result || search.project === undefined ? result : { ...result, project: search.project }
}
