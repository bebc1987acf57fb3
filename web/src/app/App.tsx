import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createRouter, type RouterHistory, RouterProvider } from '@tanstack/react-router'
import { ApiError } from '@/api/client'
import { sessionQuery } from '@/api/session'
import { Failure, NotFound } from './fallbacks'
import { routeTree } from './routes'
import { parseSearch, stringifySearch } from './search'

type SquallApp = ReturnType<typeof createApp>

/** The router and the query cache. A session that ends leads to the sign-in page. */
export function createApp(history: RouterHistory) {
  const endSession = (error: unknown) => {
    if (!(error instanceof ApiError && error.status === 401 && error.code === 'unauthenticated')) return
    if (queryClient.getQueryData(sessionQuery.queryKey) === undefined) return
    queryClient.clear()
    void router.navigate({ to: '/sign-in', search: { next: history.location.href } })
  }
  const queryClient = new QueryClient({
    queryCache: new QueryCache({ onError: endSession }),
    mutationCache: new MutationCache({ onError: endSession }),
    defaultOptions: {
      queries: { staleTime: 2_000, retry: worthRetrying, retryDelay: 600, networkMode: 'always' },
      mutations: { networkMode: 'always' },
    },
  })
  const router = createRouter({
    routeTree,
    history,
    context: { queryClient },
    parseSearch,
    stringifySearch,
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    defaultErrorComponent: Failure,
    defaultNotFoundComponent: NotFound,
    scrollRestoration: true,
  })
  return { queryClient, router }
}

/** Retry if the server is unavailable for a moment, but not if it refuses the request. */
function worthRetrying(failures: number, error: unknown): boolean {
  return (
    failures < 1 &&
    error instanceof ApiError &&
    (error.status === 0 || error.status === 502 || error.status === 503)
  )
}

export function App({ app }: { app: SquallApp }) {
  return (
    <QueryClientProvider client={app.queryClient}>
      <RouterProvider router={app.router} />
    </QueryClientProvider>
  )
}

declare module '@tanstack/react-router' {
  interface Register {
    router: SquallApp['router']
  }
}
