"""Values and Jacobians through Triton's client: pip install tritonclient[grpc]."""

import sys

import numpy as np
import tritonclient.grpc as triton

client = triton.InferenceServerClient(sys.argv[1] if len(sys.argv) > 1 else "localhost:50551")
x = triton.InferInput("x", [2, 3], "FP64")
x.set_data_from_numpy(np.array([[0.1, 0.2, 0.3], [-0.5, 0.4, 0.9]]))
wanted = [triton.InferRequestedOutput(name) for name in ("y", "jacobian", "in_domain")]
answer = client.infer("waves", [x], outputs=wanted)
print(answer.as_numpy("y").round(2).tolist())
print(answer.as_numpy("jacobian")[0].round(2).tolist())
print(answer.as_numpy("in_domain").tolist())
