package deploy_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// registry serves manifests by path and tag, as the OCI distribution API does, to clients that have
// fetched a token.
func registry(t *testing.T, manifests map[string]string, lies bool) (host string) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"token":"for %s of %s"}`, r.FormValue("scope"), r.FormValue("service"))
	})
	mux.HandleFunc("GET /v2/{team}/{name}/manifests/{tag}", func(w http.ResponseWriter, r *http.Request) {
		path := r.PathValue("team") + "/" + r.PathValue("name")
		if r.Header.Get("Authorization") != "Bearer for repository:"+path+":pull of registry.example" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+server.URL+`/token",service="registry.example",scope="repository:`+path+`:pull"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
			return
		}
		text, ok := manifests[path+":"+r.PathValue("tag")]
		if !ok || !strings.Contains(r.Header.Get("Accept"), "application/vnd.oci.image.index.v1+json") {
			http.NotFound(w, r)
			return
		}
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text)))
		if lies {
			digest = "sha256:" + strings.Repeat("0", 64)
		}
		w.Header().Set("Docker-Content-Digest", digest)
		fmt.Fprint(w, text)
	})
	return strings.TrimPrefix(server.URL, "http://")
}

func TestPinnedImagesHaveTheDigestsOfTheRegistry(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl here")
	}
	all := map[string]string{"library/postgres:17.6": `{"mediaType":"index"}`, "prom/prometheus:v3": "{}", "library/golang:1.26": `{"go":1}`}
	for _, tt := range []struct {
		name, image string
		lies        bool
		says        string // why nothing is written; empty: it is
	}{
		{"all are there", "prom/prometheus:v3", false, ""},
		{"a tag is unknown", "prom/prometheus:v4", false, "HTTP 404"},
		{"without a tag", "prom/prometheus", false, "has no tag"},
		{"pinned in the repository", "prom/prometheus:v3@sha256:00", false, "pinned already"},
		{"the registry errs", "prom/prometheus:v3", true, "and the manifest has sha256:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			host, dir := registry(t, all, tt.lies), t.TempDir()
			image := host + "/" + tt.image
			for name, text := range map[string]string{
				"compose.yaml": "services:\n  postgres:\n    image: " + host + "/library/postgres:17.6\n  worker:\n    image: dossiersync:${VERSION:-devel}\n" +
					"  prometheus:\n    image: " + image + "\n",
				"Dockerfile": "ARG BUILDER=" + host + "/library/golang:1.26\nFROM ${BUILDER}\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out := filepath.Join(dir, "dist", "images.yaml")
			cmd := exec.CommandContext(t.Context(), "./pin-images", out)
			cmd.Env = append(os.Environ(), "COMPOSE_FILE="+filepath.Join(dir, "compose.yaml"), "DOCKERFILE="+filepath.Join(dir, "Dockerfile"),
				"NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
			said, err := cmd.CombinedOutput()
			if tt.says != "" {
				if err == nil || !strings.Contains(string(said), tt.says) || isFile(out) {
					t.Errorf("it says %s (%v), want %q and no file", said, err, tt.says)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			var pinned struct{ Services map[string]map[string]string }
			text := read(t, out)
			if err := yaml.Unmarshal(text, &pinned); err != nil {
				t.Fatal(err)
			}
			want := func(tag string) string {
				return fmt.Sprintf("%s/%s@sha256:%x", host, tag, sha256.Sum256([]byte(all[tag])))
			}
			if got := pinned.Services; len(got) != 2 || got["postgres"]["image"] != want("library/postgres:17.6") || got["prometheus"]["image"] != want("prom/prometheus:v3") {
				t.Errorf("the images are %v", got)
			}
			if !strings.Contains(string(text), "BUILDER="+want("library/golang:1.26")) {
				t.Errorf("the builder is not pinned:\n%s", text)
			}
		})
	}
}

// A digest in the repository would be one that nobody has resolved for this release.
func TestRepositoryNamesImagesByTag(t *testing.T) {
	t.Parallel()
	images := regexp.MustCompile(`(?m)^(?:    image: |ARG BUILDER=)(.*)$`)
	found := 0
	for _, file := range []string{"compose.yaml", "../Dockerfile"} {
		for _, m := range images.FindAllStringSubmatch(string(read(t, file)), -1) {
			found++
			if strings.Contains(m[1], "@") || !strings.Contains(m[1], ":") {
				t.Errorf("%s names %s", file, m[1])
			}
		}
	}
	if found < 4 {
		t.Errorf("there are %d images", found)
	}
}
