import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { atLeast } from '@/api/model'
import { addProject, projectsQuery } from '@/api/projects'
import { sessionQuery } from '@/api/session'
import { Button } from '@/components/Button'
import { Field } from '@/components/Field'
import { EmptyState, ErrorNotice } from '@/components/states'
import './setup.css'

/** The form for the first project. The setup continues automatically when it exists. */
export function AddProject() {
  const queryClient = useQueryClient()
  const { data: user } = useQuery(sessionQuery)
  const add = useMutation({
    mutationFn: (form: FormData) => addProject({ name: String(form.get('name')).trim() }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: projectsQuery.queryKey }),
  })

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    add.mutate(new FormData(event.currentTarget))
  }

  if (!atLeast(user, 'admin')) {
    return (
      <EmptyState icon="overview" title="No project yet">
        <p>An admin adds the first one. Ask one to sign in and open this page.</p>
      </EmptyState>
    )
  }
  return (
    <form className="setup-form" onSubmit={submit}>
      <Field
        label="Name of the project"
        name="name"
        required
        maxLength={200}
        placeholder="Web shop"
        hint="It can be changed later."
        autoFocus
      />
      <ErrorNotice error={add.error} />
      <Button type="submit" look="primary" disabled={add.isPending}>
        {add.isPending ? 'Adding…' : 'Add project'}
      </Button>
    </form>
  )
}
