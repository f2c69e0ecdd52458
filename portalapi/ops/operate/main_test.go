package operate_test

import (
	"os"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// tenant returns a tenant with the schedule.
func tenant(t *testing.T, schedule string) *operate.Tenant {
	t.Helper()
	s, err := cron.ParseStandard("CRON_TZ=Europe/Amsterdam " + schedule)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	return &operate.Tenant{ID: "amaris", Name: "Amaris", Location: zone, Schedule: s, Cron: schedule}
}
