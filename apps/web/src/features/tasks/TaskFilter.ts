/** Which tasks are shown. */
export const taskFilters = ["open", "done", "all"] as const
export type TaskFilter = (typeof taskFilters)[number]

export const isTaskFilter = (value: unknown): value is TaskFilter => taskFilters.some((one) => one === value)
