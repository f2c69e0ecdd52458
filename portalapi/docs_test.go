package portalapi_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The builders' page has the problems of the contract, routes that exist, and examples that the tests
// run: TestGeneratedClients runs the files that they are taken from.
func TestBuildersPageAgreesWithContract(t *testing.T) {
	t.Parallel()
	read := func(path string) string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page, contract := read("../docs/portal-builders.md"), read("openapi.yaml")
	types := func(text, pattern string) []string {
		var list []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			list = append(list, m[1])
		}
		slices.Sort(list)
		return list
	}
	_, catalogue, _ := strings.Cut(page, "## Problems")
	catalogue, _, _ = strings.Cut(catalogue, "## Reading")
	want := types(contract, `(?m)^ +- urn:dossiersync:problem:([a-z-]+)$`)
	if diff := cmp.Diff(want, types(catalogue, "(?m)^\\| `([a-z-]+)` \\| \\d{3}")); len(want) == 0 || diff != "" {
		t.Errorf("problems (-contract +page):\n%s", diff)
	}
	examples := read("client/example/main.go") + read("client/typescript/example.ts")
	fences := types(page, "(?s)```(?:go|ts)\n(.*?)```")
	if len(fences) != 2 {
		t.Errorf("there are %d examples", len(fences))
	}
	for _, code := range fences {
		if !strings.Contains(examples, code) {
			t.Errorf("this is not in an example that the tests run:\n%s", code)
		}
	}
	for _, route := range types(page, `[^.\w](/v1/[a-z{}/-]+)`) {
		if !strings.Contains(contract, "\n  "+route+":\n") {
			t.Errorf("the route %s is not in the contract", route)
		}
	}
}
