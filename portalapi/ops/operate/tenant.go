package operate

import (
	"fmt"
	"time"

	"dossiersync/portalapi"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// Tenant is one care organisation as operators see it.
type Tenant struct {
	ID       string
	Name     string
	Location *time.Location
	Schedule store.Schedule
	Cron     string         // the schedule as configured
	Shared   []dossier.Part // the parts that it shares with its clients; nil: all
	// RequestBudget is how many requests a run may make to the source; 0: no limit.
	RequestBudget int
	Pace          Pace
}

// Pace limits the requests to the source.
type Pace struct {
	RequestsPerSecond float64 `json:"requestsPerSecond"`
	Concurrency       int     `json:"concurrency"` // requests at once
}

// Check fails if a required field is missing.
func (t *Tenant) Check() error {
	if t.ID == "" || t.Location == nil || t.Schedule == nil {
		return fmt.Errorf("tenant %q has no id, location or schedule", t.ID)
	}
	return nil
}

// portal returns the tenant for [portalapi.Explain].
func (t *Tenant) portal() portalapi.Tenant {
	return portalapi.Tenant{ID: t.ID, Name: t.Name, Location: t.Location, Schedule: t.Schedule, Shared: t.Shared}
}

// in returns at in the tenant's zone, to the second, or nil.
func (t *Tenant) in(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	local := at.In(t.Location).Truncate(time.Second)
	return &local
}
