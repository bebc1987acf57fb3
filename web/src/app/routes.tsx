// The table of contents of the app: one entry for each URL, in reading order. Pages load when they are visited.
import type { QueryClient } from '@tanstack/react-query'
import { createRootRouteWithContext, createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { issueQuery } from '@/api/issues'
import { statisticsQuery } from '@/api/statistics'
import { keepProject, requireSession } from './access'
import { Shell, ShellLoading } from './Shell'
import { hoursOf, issueSearch, issuesSearch, overviewSearch, projectSearch, signInSearch } from './search'

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()()

const setup = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  component: lazyRouteComponent(() => import('@/features/setup/SetupPage'), 'SetupPage'),
})

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: signInSearch,
  component: lazyRouteComponent(() => import('@/features/session/SignInPage'), 'SignInPage'),
})

/** Everything that needs a session is inside the shell, with the project in the URL. */
const app = createRoute({
  getParentRoute: () => root,
  id: 'app',
  validateSearch: projectSearch,
  search: { middlewares: [keepProject] },
  beforeLoad: requireSession,
  component: Shell,
  pendingComponent: ShellLoading,
  pendingMs: 150,
})

const overview = createRoute({
  getParentRoute: () => app,
  path: '/',
  validateSearch: overviewSearch,
  loaderDeps: ({ search }) => search,
  // Requested while the code of the page loads.
  loader: ({ context, deps }) => {
    void context.queryClient.prefetchQuery(statisticsQuery(deps.project, hoursOf(deps.range)))
  },
  component: lazyRouteComponent(() => import('./OverviewRoute'), 'OverviewRoute'),
})

const issues = createRoute({
  getParentRoute: () => app,
  path: '/issues',
  validateSearch: issuesSearch,
  component: lazyRouteComponent(() => import('@/features/issues/IssuesPage'), 'IssuesPage'),
})

const issue = createRoute({
  getParentRoute: () => app,
  path: '/issues/$id',
  params: { parse: ({ id }) => ({ id: Number(id) }), stringify: ({ id }) => ({ id: String(id) }) },
  validateSearch: issueSearch,
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(issueQuery(params.id))
  },
  component: lazyRouteComponent(() => import('@/features/issues/IssuePage'), 'IssuePage'),
})

const sources = createRoute({
  getParentRoute: () => app,
  path: '/sources',
  component: lazyRouteComponent(() => import('@/features/sources/SourcesPage'), 'SourcesPage'),
})

const source = createRoute({
  getParentRoute: () => app,
  path: '/sources/$id',
  params: { parse: ({ id }) => ({ id: Number(id) }), stringify: ({ id }) => ({ id: String(id) }) },
  component: lazyRouteComponent(() => import('@/features/sources/SourcePage'), 'SourcePage'),
})

const settings = createRoute({
  getParentRoute: () => app,
  path: '/settings',
  component: lazyRouteComponent(() => import('@/features/settings/SettingsPage'), 'SettingsPage'),
})

const status = createRoute({
  getParentRoute: () => app,
  path: '/status',
  component: lazyRouteComponent(() => import('@/features/status/StatusPage'), 'StatusPage'),
})

export const routeTree = root.addChildren([
  setup,
  signIn,
  app.addChildren([overview, issues, issue, sources, source, settings, status]),
])
