"""Products with first and second derivatives through UM-Bridge's client: pip install umbridge."""

import sys

import numpy as np
import umbridge

model = umbridge.HTTPModel(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:4242", "waves")
point, sens, vec = [0.1, 0.2, 0.3], [1.0, 0.0], [0.0, 0.0, 1.0]
print(np.round(model([point]), 2).tolist())
print(np.round(model.gradient(0, 0, [point], sens), 2).tolist())
print(np.round(model.apply_jacobian(0, 0, [point], vec), 2).tolist())
print(np.round(model.apply_hessian(0, 0, 0, [point], [0.0, 1.0], vec), 2).tolist())
