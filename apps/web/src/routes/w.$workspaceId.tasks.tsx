/** The task list. `show` is the filter, `task` the one that is open beside it. */
import { createFileRoute } from "@tanstack/react-router"
import { isTaskFilter, type TaskFilter } from "../features/tasks/TaskFilter.ts"
import { TasksScreen } from "../features/tasks/TasksScreen.tsx"

export interface TaskSearch {
  readonly show?: TaskFilter
  readonly task?: string
}

export const Route = createFileRoute("/w/$workspaceId/tasks")({
  validateSearch: ({ show, task }: Record<string, unknown>): TaskSearch => ({
    ...(isTaskFilter(show) ? { show } : {}),
    ...(typeof task === "string" ? { task } : {})
  }),
  component: Tasks
})

function Tasks() {
  const { show = "open", task } = Route.useSearch()
  const navigate = Route.useNavigate()
  return (
    <TasksScreen
      show={show}
      openId={task}
      onShow={(next) => navigate({ search: { show: next }, replace: true })}
      onOpen={(id) => navigate({ search: (search) => ({ ...search, task: id }) })}
      onClose={() => navigate({ search: { show }, replace: true })}
    />
  )
}
