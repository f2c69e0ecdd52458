package portaltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"dossiersync/portalapi"
)

// OpenAPI is a contract, ready to check answers against.
type OpenAPI struct {
	document map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex // compiling is not safe for concurrent use
	schemas  map[string]*jsonschema.Schema
}

// Contract returns the contract of this program's portal API.
var Contract = sync.OnceValues(func() (*OpenAPI, error) { return Parse(portalapi.OpenAPI()) })

const resource = "contract.json"

// Parse parses an OpenAPI 3.1 document in YAML.
func Parse(text []byte) (*OpenAPI, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	asJSON, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	c := &OpenAPI{
		document: value.(map[string]any), compiler: jsonschema.NewCompiler(),
		schemas: make(map[string]*jsonschema.Schema),
	}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource(resource, value); err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	return c, nil
}

// pointer is a JSON pointer into the contract, by its unescaped steps.
type pointer []string

func (p pointer) String() string {
	var b strings.Builder
	for _, step := range p {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(step))
	}
	return b.String()
}

// at returns the object that p points to and its place, after following a reference.
func (c *OpenAPI) at(p pointer) (map[string]any, pointer) {
	value := any(c.document)
	for _, step := range p {
		m, ok := value.(map[string]any)
		if !ok {
			return nil, p
		}
		value = m[step]
	}
	m, _ := value.(map[string]any)
	if ref, ok := m["$ref"].(string); ok {
		return c.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/"))
	}
	return m, p
}

// Paths returns the methods and path templates of the contract, like "GET /v1/dossiers", sorted.
func (c *OpenAPI) Paths() []string {
	var list []string
	paths, _ := c.at(pointer{"paths"})
	for path := range paths {
		item, _ := c.at(pointer{"paths", path})
		for method := range item {
			if method != "parameters" {
				list = append(list, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(list)
	return list
}

// operation returns the place of the request's path in the contract, and the operation of its
// method, if any.
func (c *OpenAPI) operation(r *http.Request) (pointer, map[string]any) {
	method := strings.ToLower(r.Method)
	if method == "head" {
		method = "get"
	}
	paths, _ := c.at(pointer{"paths"})
	for template := range paths {
		if matchPath(template, r.URL.EscapedPath()) {
			p := pointer{"paths", template, method}
			op, _ := c.at(p)
			return p, op
		}
	}
	return nil, nil
}

func matchPath(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && (!strings.HasPrefix(want[i], "{") || got[i] == "") {
			return false
		}
	}
	return true
}

// Check returns an error if the contract does not allow the answer to r.
func (c *OpenAPI) Check(r *http.Request, status int, header http.Header, body []byte) error {
	place, op := c.operation(r)
	var response pointer
	switch {
	case status == http.StatusMethodNotAllowed && place != nil && op == nil:
		if header.Get("Allow") == "" {
			return errors.New("405 without Allow")
		}
		return c.checkProblem(r, header, body)
	case op == nil:
		if status != http.StatusNotFound {
			return errors.New("the contract has no such operation")
		}
		response = pointer{"components", "responses", "NotFound"}
	default:
		response = append(slices.Clone(place), "responses", strconv.Itoa(status))
	}
	declared, response := c.at(response)
	if declared == nil {
		return errors.New("the contract does not have this status here")
	}
	if err := c.checkHeaders(response, header); err != nil {
		return err
	}
	if status < 300 {
		if err := c.checkParameters(place, r); err != nil {
			return err
		}
	}
	if declared["content"] == nil || r.Method == http.MethodHead {
		if len(body) > 0 {
			return errors.New("a body where the contract has none")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("content type: %w", err)
	}
	schema := append(slices.Clone(response), "content", media, "schema")
	if s, _ := c.at(append(slices.Clone(response), "content", media)); s == nil {
		return fmt.Errorf("the contract does not have the content type %s here", media)
	}
	if media == "application/yaml" {
		return nil
	}
	return c.Validate(schema, body)
}

func (c *OpenAPI) checkProblem(r *http.Request, header http.Header, body []byte) error {
	if got := header.Get("Content-Type"); got != "application/problem+json" {
		return fmt.Errorf("content type %s, want a problem", got)
	}
	if r.Method == http.MethodHead {
		return nil
	}
	return c.Validate(pointer{"components", "schemas", "Problem"}, body)
}

// checkHeaders checks the headers that the contract declares for a response.
func (c *OpenAPI) checkHeaders(response pointer, header http.Header) error {
	headers, where := c.at(append(slices.Clone(response), "headers"))
	for name := range headers {
		declared, place := c.at(append(slices.Clone(where), name))
		value := header.Get(name)
		if value == "" {
			if declared["required"] == true {
				return fmt.Errorf("header %s is missing", name)
			}
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if err := c.Validate(append(place, "schema"), text); err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
	}
	return nil
}

// checkParameters fails if the request has a parameter that the contract does not declare.
func (c *OpenAPI) checkParameters(place pointer, r *http.Request) error {
	declared := make(map[string]bool)
	for _, owner := range []pointer{place[:2], place} {
		m, _ := c.at(owner)
		list, _ := m["parameters"].([]any)
		for _, p := range list {
			param, _ := p.(map[string]any)
			if ref, ok := param["$ref"].(string); ok {
				param, _ = c.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/"))
			}
			declared[fmt.Sprint(param["in"], " ", param["name"])] = true
		}
	}
	for name := range r.URL.Query() {
		if !declared["query "+name] {
			return fmt.Errorf("the parameter %s is not in the contract", name)
		}
	}
	return nil
}

// Validate checks a JSON text against the schema at p.
func (c *OpenAPI) Validate(p pointer, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name := p.String()
	schema := c.schemas[name]
	if schema == nil {
		place := resource + "#" + strings.NewReplacer("{", "%7B", "}", "%7D").Replace(name)
		if schema, err = c.compiler.Compile(place); err != nil {
			return fmt.Errorf("the contract's schema: %w", err)
		}
		c.schemas[name] = schema
	}
	return schema.Validate(value)
}
