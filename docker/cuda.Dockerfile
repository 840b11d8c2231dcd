# slaibench with one engine on NVIDIA GPUs:
#     docker build -f docker/cuda.Dockerfile --build-arg ENGINE=vllm -t slaibench:cuda .
#     docker run --rm --gpus all --ipc host -v "$PWD:/work" slaibench:cuda doctor
# The driver is the host's; PyTorch's wheels bring CUDA's libraries, and the image its compiler.
ARG CUDA=12.9.1
FROM nvidia/cuda:${CUDA}-devel-ubuntu24.04

ARG ENGINE=vllm
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ git libnuma1 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY . /opt/slaibench
RUN /opt/slaibench/.ci/install "$ENGINE" cuda /opt/engine hub && rm -rf /root/.cache
RUN useradd --create-home --uid 1001 bench && mkdir /work && chown bench /work
USER 1001
ENV PATH=/opt/engine/bin:$PATH
WORKDIR /work
ENTRYPOINT ["slaibench"]
CMD ["doctor"]
