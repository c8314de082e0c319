package packaging

import (
	"bytes"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// object is the part of a Kubernetes object that the tests use.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name, Namespace string }
	Spec       struct {
		ClusterIP string `yaml:"clusterIP"`
		Selector  yaml.Node
		Ports     []struct {
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Grace      int `yaml:"terminationGracePeriodSeconds"`
				Containers []container
			}
		}
	}
}

type container struct {
	Name  string
	Image string
	Args  []string
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	ReadinessProbe struct {
		HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
	} `yaml:"readinessProbe"`
}

// mesh returns the objects that kustomize makes of the manifest, by their kind.
func mesh(t *testing.T) map[string]object {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]object{}
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o object
		err := decoder.Decode(&o)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all[o.Kind] = o
	}
}

// TestTheImageIsNamedOnce: all containers have the image of kustomization.yaml, and all objects
// are in its namespace.
func TestTheImageIsNamedOnce(t *testing.T) {
	text, err := os.ReadFile("kubernetes/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Namespace string
		Images    []struct {
			Name string `yaml:"newName"`
			Tag  string `yaml:"newTag"`
		}
	}
	if err := yaml.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	all := mesh(t)
	for _, c := range all["DaemonSet"].Spec.Template.Spec.Containers {
		if image := want.Images[0].Name + ":" + want.Images[0].Tag; c.Image != image {
			t.Errorf("%s has the image %s, want %s", c.Name, c.Image, image)
		}
	}
	if name := all["Namespace"].Metadata.Name; name != want.Namespace {
		t.Errorf("the namespace %s is made, want %s", name, want.Namespace)
	}
	for _, kind := range []string{"Service", "DaemonSet"} {
		if got := all[kind].Metadata.Namespace; got != want.Namespace {
			t.Errorf("%s is in the namespace %q, want %s", kind, got, want.Namespace)
		}
	}
}

func TestObjectsOfTheMeshFitTogether(t *testing.T) {
	all := mesh(t)
	service, set := all["Service"], all["DaemonSet"]
	pod := set.Spec.Template
	if service.Spec.ClusterIP != "None" {
		t.Errorf("the service has clusterIP %q: dns+tcp would see one address, want None", service.Spec.ClusterIP)
	}
	var chosen map[string]string
	if err := service.Spec.Selector.Decode(&chosen); err != nil {
		t.Fatal(err)
	}
	var matched struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	if err := set.Spec.Selector.Decode(&matched); err != nil {
		t.Fatal(err)
	}
	for _, selector := range []map[string]string{chosen, matched.MatchLabels} {
		if !maps.Equal(selector, pod.Metadata.Labels) || len(selector) == 0 {
			t.Errorf("a selector selects %v, the pods have %v", selector, pod.Metadata.Labels)
		}
	}
	ports := map[string]int{}
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			ports[p.Name] = p.ContainerPort
		}
	}
	for _, c := range pod.Spec.Containers {
		if probe := c.ReadinessProbe.HTTPGet; ports[probe.Port] == 0 || probe.Path != "/readyz" {
			t.Errorf("%s is ready by %+v; want /readyz on one of %v", c.Name, probe, ports)
		}
	}
	if len(service.Spec.Ports) != 1 || ports[service.Spec.Ports[0].TargetPort] != service.Spec.Ports[0].Port {
		// A headless service forwards nothing: its port is the pod's, or it lies.
		t.Errorf("the service's ports are %+v, the pods have %v", service.Spec.Ports, ports)
	}
	if pod.Spec.Grace <= 30 {
		t.Errorf("the pods are killed %d s after SIGTERM, before the drain of 30 s is over", pod.Spec.Grace)
	}
	want := "dns+tcp://" + service.Metadata.Name + "." + service.Metadata.Namespace + ".svc.cluster.local:7007"
	watch := pod.Spec.Containers[slices.IndexFunc(pod.Spec.Containers, func(c container) bool { return c.Name == "watch" })]
	if !slices.Contains(watch.Args, want) {
		t.Errorf("watch is given %s, want %s", strings.Join(watch.Args, " "), want)
	}
}
