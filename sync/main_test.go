package sync_test

import (
	"os"
	"testing"

	"dossiersync/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
