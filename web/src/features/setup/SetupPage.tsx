import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ApiError } from '@/api/client'
import { projectsQuery } from '@/api/projects'
import { sessionQuery, setupQuery } from '@/api/session'
import { buttonClass } from '@/components/Button'
import { Entry } from '@/components/Entry'
import { ErrorState, SkeletonRows } from '@/components/states'
import { AddProject } from './AddProject'
import { FirstEvent } from './FirstEvent'
import { MakeAdmin } from './MakeAdmin'

const STEPS = ['Your account', 'A project', 'A first event'] as const

/** The first run. The current step follows from what exists, so that a refresh does not lose it. */
export function SetupPage() {
  const setup = useQuery(setupQuery)
  const isSetUp = setup.data?.needed === false
  const session = useQuery({ ...sessionQuery, enabled: isSetUp })
  const projects = useQuery({ ...projectsQuery, enabled: session.data !== undefined })
  const project = projects.data?.at(-1)

  if (setup.data?.needed) {
    return (
      <Entry
        title="Welcome to Squall"
        intro="Make the first account. It is an admin: it can add projects, keys and people."
        above={<Steps now={0} />}
      >
        <MakeAdmin />
      </Entry>
    )
  }
  if (session.error instanceof ApiError && session.error.status === 401) {
    return (
      <Entry title="Squall is set up" intro="An admin already exists. Sign in to continue.">
        <Link to="/sign-in" className={buttonClass('primary')}>
          Sign in
        </Link>
      </Entry>
    )
  }
  if (projects.data?.length === 0) {
    return (
      <Entry
        title="Add a project"
        intro="A project is one application of a team. Its events, keys and sources belong together."
        above={<Steps now={1} />}
      >
        <AddProject />
      </Entry>
    )
  }
  if (project) {
    return (
      <Entry title={`Send ${project.name} its first event`} above={<Steps now={2} />} wide>
        <FirstEvent project={project} />
      </Entry>
    )
  }
  const failed = [setup, session, projects].find(({ error }) => error)
  return (
    <Entry title="Set-up">
      {failed ? (
        <ErrorState error={failed.error} what="The setup" retry={() => failed.refetch()} />
      ) : (
        <SkeletonRows what="the setup" rows={3} />
      )}
    </Entry>
  )
}

function Steps({ now }: { now: number }) {
  return (
    <ol className="steps" aria-label="Steps of the setup">
      {STEPS.map((step, index) => (
        <li key={step} aria-current={index === now ? 'step' : undefined}>
          <span>{index + 1}</span>
          {step}
        </li>
      ))}
    </ol>
  )
}
