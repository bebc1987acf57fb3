import { useMutation, useQuery, useQueryClient, useSuspenseQuery } from '@tanstack/react-query'
import { Link, Outlet, useLocation, useNavigate, useRouter, useSearch } from '@tanstack/react-router'
import { Suspense, useRef } from 'react'
import { useLiveUpdates } from '@/api/live/useLiveUpdates'
import { projectsQuery } from '@/api/projects'
import { sessionQuery, signOut } from '@/api/session'
import { Button } from '@/components/Button'
import { Select } from '@/components/Field'
import { Icon, type IconName, Logo } from '@/components/Icon'
import { SkeletonRows } from '@/components/states'
import { setTheme, type Theme, useTheme } from '@/components/theme'
import { LiveMark } from './LiveMark'
import { Shortcuts } from './Shortcuts'
import './shell.css'

const PAGES: [to: '/' | '/issues' | '/sources' | '/settings' | '/status', label: string, icon: IconName][] = [
  ['/', 'Overview', 'overview'],
  ['/issues', 'Issues', 'issues'],
  ['/sources', 'Sources', 'sources'],
  ['/status', 'Status', 'status'],
  ['/settings', 'Settings', 'settings'],
]

/** The frame of every page: navigation, project and user. */
export function Shell() {
  const main = useRef<HTMLElement>(null)
  useLiveUpdates()
  return (
    <div className="shell">
      {/* biome-ignore lint/a11y/useValidAnchor: a skip link is a link; handled here, it stays out of the address. */}
      <a
        className="shell__skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault()
          main.current?.focus()
        }}
      >
        Skip to the page
      </a>
      <header className="shell__side">
        <Link to="/" className="shell__brand" aria-label="Squall, overview">
          <Logo />
          <span>Squall</span>
        </Link>
        <ProjectSwitcher />
        <nav className="shell__nav" aria-label="Pages">
          {PAGES.map(([to, label, icon]) => (
            <Link key={to} to={to} activeOptions={{ exact: to === '/', includeSearch: false }}>
              <Icon name={icon} />
              <span>{label}</span>
            </Link>
          ))}
        </nav>
        <div className="shell__live">
          <LiveMark />
        </div>
        <Account />
      </header>
      <main id="main" ref={main} tabIndex={-1} className="shell__main">
        <Suspense fallback={<SkeletonRows what="the page" />}>
          <Outlet />
        </Suspense>
      </main>
      <Shortcuts />
    </div>
  )
}

function ProjectSwitcher() {
  const { data: projects } = useQuery(projectsQuery)
  const { project } = useSearch({ from: '/app' })
  const navigate = useNavigate()
  const { pathname } = useLocation()

  function change(slug: string) {
    // An issue or source belongs to one project: switching leads to the list of the other project.
    const list = pathname.startsWith('/issues/')
      ? '/issues'
      : pathname.startsWith('/sources/')
        ? '/sources'
        : pathname
    void navigate({ to: list as '/', search: { project: slug || undefined } })
  }

  return (
    <div className="shell__project">
      <Select label="Project" value={project ?? ''} onChange={(event) => change(event.target.value)}>
        <option value="">All projects</option>
        {projects?.map(({ slug, name }) => (
          <option key={slug} value={slug}>
            {name}
          </option>
        ))}
        {project && !projects?.some(({ slug }) => slug === project) && (
          <option value={project}>{project}</option>
        )}
      </Select>
    </div>
  )
}

const NEXT_THEME: Record<Theme, [next: Theme, icon: IconName]> = {
  system: ['light', 'system'],
  light: ['dark', 'sun'],
  dark: ['system', 'moon'],
}

function Account() {
  const { data: user } = useSuspenseQuery(sessionQuery)
  const theme = useTheme()
  const [next, icon] = NEXT_THEME[theme]
  const queryClient = useQueryClient()
  const router = useRouter()
  const out = useMutation({
    mutationFn: signOut,
    onSuccess: async () => {
      await router.navigate({ to: '/sign-in' })
      queryClient.clear()
    },
  })
  return (
    <div className="shell__account">
      <span className="shell__user" title={user.email}>
        <b className="ellipsis">{user.name}</b>
        <span className="faint">{user.role}</span>
      </span>
      <Button
        look={['quiet', 'icon']}
        onClick={() => setTheme(next)}
        aria-label={`Theme: ${theme}. Change to ${next}`}
        title={`Theme: ${theme}`}
      >
        <Icon name={icon} />
      </Button>
      <Button
        look={['quiet', 'icon']}
        onClick={() => out.mutate()}
        disabled={out.isPending}
        aria-label="Sign out"
        title="Sign out"
      >
        <Icon name="out" />
      </Button>
    </div>
  )
}

/** Shown until the user is known. */
export function ShellLoading() {
  return (
    <div className="shell__loading" role="status" aria-label="Loading Squall">
      <Logo size={40} />
    </div>
  )
}
