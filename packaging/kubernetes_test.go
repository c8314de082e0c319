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
		ClusterIP       string `yaml:"clusterIP"`
		PublishNotReady bool   `yaml:"publishNotReadyAddresses"`
		Selector        yaml.Node
		Ports           []struct {
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
		Completions, Parallelism int
		BackoffLimit             *int `yaml:"backoffLimit"`
		Template                 struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Grace         int    `yaml:"terminationGracePeriodSeconds"`
				RestartPolicy string `yaml:"restartPolicy"`
				Containers    []container
			}
		}
	}
}

type container struct {
	Name  string
	Image string
	Args  []string
	Env   []struct {
		Name      string
		ValueFrom struct {
			FieldRef struct {
				FieldPath string `yaml:"fieldPath"`
			} `yaml:"fieldRef"`
			SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	ReadinessProbe struct {
		HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
	} `yaml:"readinessProbe"`
}

// from returns where a variable of the container comes from: a field of the pod, or NAME/KEY of a
// secret. It is "" if there is no such variable.
func (c container) from(variable string) string {
	for _, env := range c.Env {
		if of := env.ValueFrom; env.Name == variable {
			if of.FieldRef.FieldPath != "" {
				return of.FieldRef.FieldPath
			}
			return of.SecretKeyRef.Name + "/" + of.SecretKeyRef.Key
		}
	}
	return ""
}

// mesh returns the objects of the mesh by their kind. There is one of each.
func mesh(t *testing.T) map[string]object {
	t.Helper()
	all := map[string]object{}
	for _, o := range manifests(t, "kubernetes") {
		all[o.Kind] = o
	}
	return all
}

// manifests returns the objects of a directory, as kustomize makes them.
func manifests(t *testing.T, dir string) []object {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	var all []object
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o object
		err := decoder.Decode(&o)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
}

// TestImageAndNamespaceAreNamedOnce: all containers have the image of kustomization.yaml, all
// objects are in its namespace, and a container that needs its name gets it from Kubernetes.
func TestImageAndNamespaceAreNamedOnce(t *testing.T) {
	for _, dir := range []string{"kubernetes", "kubernetes/bench"} {
		text, err := os.ReadFile(dir + "/kustomization.yaml")
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
		containers := 0
		for _, o := range manifests(t, dir) {
			name := o.Metadata.Namespace
			if o.Kind == "Namespace" {
				name = o.Metadata.Name
			}
			if name != want.Namespace {
				t.Errorf("%s: %s %s is in the namespace %q, want %s", dir, o.Kind, o.Metadata.Name, name, want.Namespace)
			}
			for _, c := range o.Spec.Template.Spec.Containers {
				containers++
				if image := want.Images[0].Name + ":" + want.Images[0].Tag; c.Image != image {
					t.Errorf("%s: %s has the image %s, want %s", dir, c.Name, c.Image, image)
				}
				args := strings.Join(c.Args, " ")
				if strings.Contains(args, want.Namespace+".svc") {
					t.Errorf("%s: %s is given the namespace %s, want $(NAMESPACE)", dir, c.Name, want.Namespace)
				}
				if strings.Contains(args, "$(NAMESPACE)") != (c.from("NAMESPACE") == "metadata.namespace") {
					t.Errorf("%s: %s has the arguments %s and the variables %+v", dir, c.Name, args, c.Env)
				}
			}
		}
		if containers < 2 {
			t.Errorf("%s has %d containers, want those of the manifest", dir, containers)
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
	want := "dns+tcp://" + service.Metadata.Name + ".$(NAMESPACE).svc.cluster.local.:7007"
	watch := pod.Spec.Containers[slices.IndexFunc(pod.Spec.Containers, func(c container) bool { return c.Name == "watch" })]
	if !slices.Contains(watch.Args, want) {
		t.Errorf("watch is given %s, want %s", strings.Join(watch.Args, " "), want)
	}
}
