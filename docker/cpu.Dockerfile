# slaibench with vLLM and SGLang on a CPU, each in its environment (the engines exclude each other):
#     docker build -f docker/cpu.Dockerfile -t slaibench:cpu .
#     docker run --rm -v "$PWD:/work" slaibench:cpu compare sarathi slai --backend vllm
FROM python:3.12-slim-bookworm

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# git: regress --against a commit; g++: vLLM's CPU build compiles kernels; libnuma: its threads.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ git libnuma1 libgomp1 \
    && rm -rf /var/lib/apt/lists/*
COPY . /opt/slaibench
RUN /opt/slaibench/.ci/install vllm cpu /opt/vllm hub \
    && /opt/slaibench/.ci/install sglang cpu /opt/sglang hub \
    && rm -rf /root/.cache
RUN useradd --create-home --uid 1001 bench && mkdir /work && chown bench /work
USER 1001
ENV PATH=/opt/vllm/bin:$PATH \
    SLAIBENCH_SGLANG_PYTHON=/opt/sglang/bin/python
WORKDIR /work
ENTRYPOINT ["slaibench"]
CMD ["doctor"]
