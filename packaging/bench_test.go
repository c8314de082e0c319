package packaging

import (
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// bench returns the objects of the load, by their kind and name.
func bench(t *testing.T) map[string]object {
	t.Helper()
	all := map[string]object{}
	for _, o := range manifests(t, "kubernetes/bench") {
		all[o.Kind+" "+o.Metadata.Name] = o
	}
	return all
}

func TestObjectsOfTheLoadFitTogether(t *testing.T) {
	all := bench(t)
	service, workers, coordinator := all["Service bench-workers"], all["Job bench-workers"], all["Job bench"]
	if len(workers.Spec.Template.Spec.Containers) != 1 || len(coordinator.Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("want a service bench-workers, and the jobs bench-workers and bench with one container each; got %v", slices.Sorted(maps.Keys(all)))
	}
	if service.Spec.ClusterIP != "None" || !service.Spec.PublishNotReady {
		t.Errorf("the service has clusterIP %q and publishNotReadyAddresses %v, want None and true", service.Spec.ClusterIP, service.Spec.PublishNotReady)
	}
	var selected map[string]string
	if err := service.Spec.Selector.Decode(&selected); err != nil {
		t.Fatal(err)
	}
	if labels := workers.Spec.Template.Metadata.Labels; len(selected) == 0 || !maps.Equal(selected, labels) {
		t.Errorf("the service selects %v, the workers have %v", selected, labels)
	}
	if maps.Equal(selected, mesh(t)["DaemonSet"].Spec.Template.Metadata.Labels) {
		t.Error("the service of the mesh selects the workers")
	}

	worker, bench := workers.Spec.Template.Spec.Containers[0], coordinator.Spec.Template.Spec.Containers[0]
	if len(worker.Ports) != 1 || len(service.Spec.Ports) != 1 || worker.Ports[0].Name != service.Spec.Ports[0].TargetPort ||
		worker.Ports[0].ContainerPort != service.Spec.Ports[0].Port {
		t.Errorf("the service's ports are %+v, those of a worker %+v", service.Spec.Ports, worker.Ports)
	}
	port := ":" + strconv.Itoa(service.Spec.Ports[0].Port)
	for _, arg := range []string{
		"--workers=dns+tcp://" + service.Metadata.Name + ".$(NAMESPACE).svc.cluster.local." + port,
		"--expect=" + strconv.Itoa(workers.Spec.Completions),
		"tcp://" + mesh(t)["Service"].Metadata.Name + ".$(NAMESPACE).svc.cluster.local.:7007",
	} {
		if !slices.Contains(bench.Args, arg) {
			t.Errorf("the coordinator is given %s, want %s", strings.Join(bench.Args, " "), arg)
		}
	}
	// All at once: the coordinator waits for all of them.
	if workers.Spec.Parallelism != workers.Spec.Completions {
		t.Errorf("%d workers run at once, of %d", workers.Spec.Parallelism, workers.Spec.Completions)
	}
	if from := bench.from("ECHOD_TOKEN"); from != "bench/token" || worker.from("ECHOD_TOKEN") != from {
		t.Errorf("the token of the coordinator is from %q, that of the workers from %q", from, worker.from("ECHOD_TOKEN"))
	}
	for _, job := range []object{workers, coordinator} {
		if limit := job.Spec.BackoffLimit; limit == nil || *limit != 0 || job.Spec.Template.Spec.RestartPolicy != "Never" {
			t.Errorf("the job %s repeats a load", job.Metadata.Name)
		}
	}
}

// TestCommandsOfTheManifestsAreValid runs the commands of all containers with --help added: so
// the flags are read, and nothing else is done.
func TestCommandsOfTheManifestsAreValid(t *testing.T) {
	echod := build(t)
	for _, dir := range []string{"kubernetes", "kubernetes/bench"} {
		for _, o := range manifests(t, dir) {
			for _, c := range o.Spec.Template.Spec.Containers {
				args := []string{}
				for _, arg := range c.Args {
					args = append(args, strings.ReplaceAll(arg, "$(NAMESPACE)", "echod")) // as the kubelet does
				}
				args = append(args, "--help")
				if said, err := exec.Command(echod, args...).CombinedOutput(); err != nil {
					t.Errorf("%s: echod %s: %v\n%s", c.Name, strings.Join(args, " "), err, said)
				}
			}
		}
	}
}
