import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import type { Project } from '@/api/model'
import { addFileSource } from '@/api/sources'
import { Button } from '@/components/Button'
import { Field, Select } from '@/components/Field'
import { Card, ErrorNotice } from '@/components/states'

/** The form to add log files on the machine of Squall. */
export function AddFileSource({
  projects,
  project,
  onDone,
}: {
  projects: Project[]
  project?: string
  onDone: () => void
}) {
  const queryClient = useQueryClient()
  const add = useMutation({
    mutationFn: (form: FormData) =>
      addFileSource(String(form.get('project')), String(form.get('name')), String(form.get('glob')).trim()),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['sources'] })
      onDone()
    },
  })

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    add.mutate(new FormData(event.currentTarget))
  }
  return (
    <Card title="Add a file source">
      <form className="form" onSubmit={submit}>
        <Field label="Name" name="name" required maxLength={200} placeholder="checkout log" autoFocus />
        <Field
          label="Files"
          name="glob"
          required
          pattern="/.*"
          title="A path that begins with /"
          placeholder="/var/log/app/*.log"
          hint="A path on the machine Squall runs on; * and ** match. Rotation, truncation and stack traces are followed."
          spellCheck={false}
          autoCapitalize="off"
        />
        {projects.length > 1 ? (
          <div className="field">
            <span className="small">Project</span>
            <Select label="Project of the source" name="project" defaultValue={project ?? projects[0]?.slug}>
              {projects.map(({ slug, name }) => (
                <option key={slug} value={slug}>
                  {name}
                </option>
              ))}
            </Select>
          </div>
        ) : (
          <input type="hidden" name="project" value={project ?? projects[0]?.slug ?? ''} />
        )}
        <ErrorNotice error={add.error} />
        <div className="row">
          <Button type="submit" look="primary" disabled={add.isPending}>
            {add.isPending ? 'Adding…' : 'Add source'}
          </Button>
          <Button onClick={onDone}>Cancel</Button>
        </div>
      </form>
    </Card>
  )
}
