package ops

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/portalapi/web"
	"dossiersync/store"
)

const (
	defaultRuns = 20
	maxRuns     = 100
)

// listRuns lists runs, newest first.
func (h *Handler) listRuns(c *call) error {
	q := web.ReadQuery(c.r, "tenant", "state", "limit", "before")
	filter := store.RunFilter{
		State:  store.RunState(q.OneOf("state", string(store.RunWaiting), string(store.RunRunning), string(store.RunDone))),
		Limit:  q.Int("limit", defaultRuns, 1, maxRuns) + 1,
		Before: int64(q.Int("before", 0, 1, math.MaxInt64)),
	}
	if err := q.Err(); err != nil {
		return err
	}
	tenants, err := h.tenantIDs(c, q.Text("tenant"))
	if err != nil {
		return err
	}
	list := []store.Run{}
	for _, t := range tenants {
		filter.Tenant = t
		runs, err := h.store.Runs(c.r.Context(), filter)
		if err != nil {
			return err
		}
		list = append(list, runs...)
	}
	slices.SortFunc(list, func(a, b store.Run) int { return cmp.Compare(b.ID, a.ID) })
	out := listJSON[store.Run]{Items: list}
	if limit := filter.Limit - 1; len(list) > limit {
		out.Items = list[:limit]
		next := "/api/runs?" + q.Encode(map[string]string{"before": strconv.FormatInt(list[limit-1].ID, 10)})
		out.Next = &next
	}
	return c.json(http.StatusOK, out)
}

// tenantIDs returns the tenants to list: the named one, or else all of the user's. An empty id
// stands for all tenants of the replica.
func (h *Handler) tenantIDs(c *call, named string) ([]string, error) {
	switch {
	case named != "":
		t, err := h.tenant(c, named)
		if err != nil {
			return nil, err
		}
		return []string{t.ID}, nil
	case c.user == nil:
		return []string{""}, nil
	}
	return slices.Compact(slices.Sorted(slices.Values(c.user.Tenants))), nil
}

type runJSON struct {
	store.Run
	Waits string `json:"waits,omitempty"` // why the source cannot be read now
}

// run answers with one run and its accounting per type.
func (h *Handler) run(c *call) error {
	run, err := readGet(c, h.pathRun)
	if err != nil {
		return err
	}
	out := runJSON{Run: run}
	if t, err := h.tenant(c, run.Tenant); err == nil {
		if out.Waits, err = operate.WaitWords(c.r.Context(), h.store, t, &run); err != nil {
			return err
		}
	}
	return c.json(http.StatusOK, out)
}

// cancel cancels a run: 202 with the run, which ends at once if it is waiting, and else at its next
// page; or 200 if the run had ended.
func (h *Handler) cancel(c *call) error {
	run, err := readPost(c, h.pathRun, &empty{})
	if err != nil {
		return err
	}
	run, err = h.requestCancel(c, run.ID)
	if errors.Is(err, store.ErrRunDone) {
		return c.json(http.StatusOK, run)
	}
	if err != nil {
		return err
	}
	return c.json(http.StatusAccepted, run)
}

// pathRun returns the run that the path names, or [web.NotFound] if its tenant is not the user's.
func (h *Handler) pathRun(c *call) (store.Run, error) {
	id, err := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	if err != nil {
		return store.Run{}, web.Absent()
	}
	run, err := h.store.Run(c.r.Context(), id)
	if err != nil {
		return store.Run{}, err
	}
	if !c.user.sees(run.Tenant) {
		return store.Run{}, fmt.Errorf("run %d: %w", id, store.ErrNotFound)
	}
	return run, nil
}
