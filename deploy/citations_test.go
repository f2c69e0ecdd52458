package deploy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Promises (I6), cases (TestCase14) and bench rows (B6) that the repository cites
// must be in docs/design.md, or a stranger cannot look them up.
func TestEveryCitationIsInTheDesign(t *testing.T) {
	t.Parallel()
	design, err := os.ReadFile("../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for kind, pattern := range map[string]string{
		"I": `\*\*I(\d+a?) `, "case": `(?m)^\| (\d+) \|`, "B": `(?m)^\| B(\d+) \|`,
	} {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(design), -1) {
			known[kind+m[1]] = true
		}
	}
	cited := regexp.MustCompile(`\(I(\d+a?)(?:, I(\d+a?))?\)|\bTestCase(\d+)|(?m)(?://|^\s*//).*\bB(\d+)\b`)
	found := 0
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "node_modules" || d.Name() == "data") {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".sql" && ext != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range cited.FindAllStringSubmatch(string(text), -1) {
			for i, kind := range []string{"I", "I", "case", "B"} {
				number := strings.TrimLeft(m[i+1], "0")
				if m[i+1] == "" || strings.Contains(path, "carerecordsim") {
					continue
				}
				found++
				if !known[kind+number] {
					t.Errorf("%s cites %s %s, which docs/design.md does not have", path, kind, number)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 100 {
		t.Errorf("only %d citations were found", found)
	}
}
