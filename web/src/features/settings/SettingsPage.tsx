import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { atLeast } from '@/api/model'
import { projectsQuery } from '@/api/projects'
import { sessionQuery } from '@/api/session'
import { Button } from '@/components/Button'
import { Page } from '@/components/Page'
import { Card, EmptyState } from '@/components/states'
import { setTheme, type Theme, useTheme } from '@/components/theme'
import { Keys } from './Keys'
import './settings.css'
import { Users } from './Users'

/** Keys, users and appearance. */
export function SettingsPage() {
  const { project } = useSearch({ from: '/app' })
  const { data: user } = useQuery(sessionQuery)
  const { data: projects } = useQuery(projectsQuery)
  const shown = projects?.find(({ slug }) => slug === project) ?? projects?.[0]
  const isAdmin = atLeast(user, 'admin')
  return (
    <Page title="Settings">
      {isAdmin && shown && <Keys key={shown.slug} project={shown} />}
      {isAdmin && user && <Users me={user} />}
      {!isAdmin && user && (
        <Card title="Keys and people">
          <EmptyState icon="settings" title="Only admins change these">
            <p>
              You are signed in as {user.role}. An admin can make project keys, add people and change roles.
            </p>
          </EmptyState>
        </Card>
      )}
      <ThemeChoice />
    </Page>
  )
}

const THEMES: [theme: Theme, label: string][] = [
  ['system', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
]

function ThemeChoice() {
  const theme = useTheme()
  return (
    <Card title="Theme">
      <div className="row">
        {THEMES.map(([each, label]) => (
          <Button
            key={each}
            aria-pressed={theme === each}
            look={theme === each ? 'primary' : []}
            onClick={() => setTheme(each)}
          >
            {label}
          </Button>
        ))}
      </div>
    </Card>
  )
}
