import { lazy } from 'react'
import { OverviewPage } from '@/features/overview/OverviewPage'

/** Needed once in the life of an installation, so nobody waits for it afterwards. */
const FirstEvent = lazy(() =>
  import('@/features/setup/FirstEvent').then(({ FirstEvent }) => ({ default: FirstEvent })),
)
const AddProject = lazy(() =>
  import('@/features/setup/AddProject').then(({ AddProject }) => ({ default: AddProject })),
)

/** The overview, which becomes the first-run guide while there is nothing to look at. */
export function OverviewRoute() {
  return <OverviewPage FirstEvent={FirstEvent} AddProject={AddProject} />
}
