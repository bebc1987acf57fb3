import { lazy } from 'react'
import { OverviewPage } from '@/features/overview/OverviewPage'

/** Needed once in the life of an installation, so that it is a separate chunk. */
const FirstEvent = lazy(() =>
  import('@/features/setup/FirstEvent').then(({ FirstEvent }) => ({ default: FirstEvent })),
)
const AddProject = lazy(() =>
  import('@/features/setup/AddProject').then(({ AddProject }) => ({ default: AddProject })),
)

/** The overview, or the first-run guide while there is nothing to show. */
export function OverviewRoute() {
  return <OverviewPage FirstEvent={FirstEvent} AddProject={AddProject} />
}
