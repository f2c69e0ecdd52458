package ops

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"

	"dossiersync/portalapi/web"
	"dossiersync/store"
)

const (
	defaultRuns = 20
	maxRuns     = 100
)

// listRuns lists runs, the newest first.
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
	tenants, err := h.asked(c, q.Text("tenant"))
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

// asked returns the tenants whose runs are asked for: the one named, or all that
// the user sees. The empty one stands for all there are.
func (h *Handler) asked(c *call, named string) ([]string, error) {
	switch {
	case named != "":
		t, err := c.tenant(h, named)
		if err != nil {
			return nil, err
		}
		return []string{t.ID}, nil
	case c.user == nil:
		return []string{""}, nil
	}
	return slices.Compact(slices.Sorted(slices.Values(c.user.Tenants))), nil
}

// run tells of one run, with its accounting per type.
func (h *Handler) run(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	run, err := h.named(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, run)
}

// named returns the run that the path names, or [problem.NotFound] where the user
// does not see its tenant.
func (h *Handler) named(c *call) (store.Run, error) {
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
